import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { RunSummary } from '../../crds/run-summary.ts'
import { sessionWarnings } from '../db/session/client.ts'
import { refuseExhaustedIds } from '../db/schema/id-exhaustion.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { refuseSharedSessions } from '../db/session/refuse-pgbouncer.ts'
import { refuseRowSecurity } from '../db/session/row-security.ts'
import { requireCurrentSchema } from '../db/schema/schema.ts'
import { startNoticeSender } from '../outbox/send-due.ts'
import type { NoticeSender } from '../outbox/send-due.ts'
import { neededResults } from './scope.ts'
import { openRun } from './open.ts'
import type { RunOptions } from './options.ts'
import { Session } from './session.ts'
import { summaryOf } from './summary.ts'
import { tracedRun } from './run-spans.ts'
import { RunAttempt, targetOf } from './attempt.ts'

/**
 * Executes one attempt at a run: open → plan → batches → close. Resolves when the run is closed, by this process or by
 * another one. Rejects with an InputError (a retry is useless), an InterruptedError (`signal` was aborted with work left)
 * or a RunError.
 */
export async function executeRun(options: RunOptions): Promise<RunSummary> {
  return tracedRun(options, attemptRun)
}

async function attemptRun(options: RunOptions): Promise<RunSummary> {
  const target = targetOf(options, 'rapidrmf')
  const session = new Session(target, options.timing.outage)
  let noticeSender: NoticeSender | undefined
  const warn = (message: string): void => options.observer?.({ type: 'warning', message })
  // Reported before notices are sent: whatever waits for the summary does not wait for sinks.
  const ended = (run: JobRun): RunSummary => {
    const summary = summaryOf(run)
    options.observer?.({ type: 'closed', summary })
    return summary
  }
  try {
    await session.run((client) =>
      refuseSharedSessions(
        client,
        { ...target, retryFor: options.timing.outage },
        async () => {
          for (const warning of sessionWarnings(client)) warn(warning)
          await requireCurrentSchema(client)
          await refuseRowSecurity(client)
          const selected = (): Promise<number> => neededResults(client, options)
          await refuseExhaustedIds(client, options.environment, selected, warn)
        },
        warn,
      ),
    )
    noticeSender = startNoticeSender(options)
    // Unique to this process: the attempt is found by it after a lost connection.
    const worker = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`
    for (;;) {
      const opened = await openRun(session, options, worker)
      if (opened.kind === 'closed') return ended(opened.run)
      const { run, attempt, resumed } = opened
      options.observer?.({ type: 'opened', runId: run.id, attempt, resumed, worker })
      const closed = await new RunAttempt(options, { run, attempt, worker }).work(session)
      if (closed !== undefined) return ended(closed)
      // A peer abandoned this attempt (the process was frozen), or a failover lost it: register again and continue.
    }
  } finally {
    await session.close()
    await noticeSender?.finish()
  }
}
