import { sessionName } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { inTransaction } from '../db/session/client.ts'
import { InputError, InterruptedError, asError } from '../errors.ts'
import { withoutGrace } from '../notify/sink.ts'
import { leaveRun } from './close.ts'
import type { RunOptions } from './options.ts'
import { Session } from './session.ts'
import { summaryOf } from './summary.ts'

/** Timeout of a statement that ends the attempt, in ms; longer than its lock timeout. */
const STATEMENT_TIMEOUT = 8_000

/** Timeout of connecting, in ms. */
const CONNECT_TIMEOUT = 5_000

/**
 * Ends an attempt because of `error`, and closes the run if no other attempt is alive. Best effort: without a database
 * the row stays `running` until the next run closes it as abandoned. `workers` are idle; an open connection of one of
 * them is reused, because the server may have no room for another one.
 */
export async function leaveAttempt(
  options: RunOptions,
  attempt: AttemptRef,
  workers: readonly Session[],
  error: Error,
): Promise<void> {
  const { databaseUrl, timing, observer, notifications = [] } = options
  const outcome = error instanceof InterruptedError ? 'interrupted' : 'failed'
  // A retry cannot correct bad input: its notices are sent without delay.
  const notices =
    error instanceof InputError ? { ...options, notifications: withoutGrace(notifications) } : options
  // No signal: the abort that ends the attempt must not cancel these statements.
  const target = {
    url: databaseUrl,
    writes: true,
    applicationName: sessionName(attempt),
    queryTimeout: STATEMENT_TIMEOUT,
  }
  const session = new Session(target, Math.min(timing.outage, CONNECT_TIMEOUT), workers[0]?.lost)
  const lender = workers.find(({ backendPid }) => backendPid !== undefined)
  const lent = lender?.backendPid ?? 0
  // A connection that was opened for batches has no statement timeout.
  const timer = setTimeout(() => session.sever(lent), STATEMENT_TIMEOUT)
  try {
    if (lender !== undefined) await session.adopt(lender)
    const run = await session.run((client) =>
      inTransaction(client, () =>
        leaveRun(client, {
          attempt,
          outcome,
          reason: `${outcome}: ${error.message}`,
          abandonAfter: timing.abandonAfter,
          notices,
        }),
      ),
    )
    if (run !== undefined) observer?.({ type: 'left', summary: summaryOf(run) })
  } catch (failure) {
    const message = `run ${attempt.run.id} could not be closed (${asError(failure).message}); the next run closes it`
    observer?.({ type: 'warning', message })
  } finally {
    clearTimeout(timer)
    await session.close()
  }
}
