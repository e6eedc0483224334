import { sessionName } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { inTransaction } from '../db/session/client.ts'
import { InputError, InterruptedError, asError } from '../errors.ts'
import { withoutGrace } from '../notify/sink.ts'
import { leaveRun } from './close.ts'
import type { RunRequest } from './request.ts'
import { Session } from './session.ts'
import { summaryOf } from './summary.ts'

/** The limit for a server that does not answer, in ms; longer than the farewell waits for a lock. */
const ANSWER_TIMEOUT = 8_000

/** How long a connection is tried to be had, in ms. */
const PATIENCE = 5_000

/**
 * Ends an attempt for its error, and with it the run if no other attempt goes on. Best effort: without a database the row
 * stays `running` until the next run closes it as abandoned. `workers` have nothing under way any more; one whose
 * connection is open lends it, because those of this very attempt may be all that the server has room for.
 */
export async function leaveAttempt(
  request: RunRequest,
  attempt: AttemptRef,
  workers: readonly Session[],
  error: Error,
): Promise<void> {
  const { databaseUrl, timing, observer, notifications = [] } = request
  const outcome = error instanceof InterruptedError ? 'interrupted' : 'failed'
  // A retry cannot help bad input: the notices of it do not wait for one.
  const notices =
    error instanceof InputError ? { ...request, notifications: withoutGrace(notifications) } : request
  // Without the request's signal: the abort that ends the attempt must not end its farewell.
  const target = {
    url: databaseUrl,
    writes: true,
    applicationName: sessionName(attempt),
    queryTimeout: ANSWER_TIMEOUT,
  }
  const session = new Session(target, Math.min(timing.outage, PATIENCE), workers[0]?.lost)
  const lender = workers.find(({ backendPid }) => backendPid !== undefined)
  const lent = lender?.backendPid ?? 0
  // What was opened for work waits for an answer without end.
  const timer = setTimeout(() => session.sever(lent), ANSWER_TIMEOUT)
  try {
    if (lender !== undefined) await session.adopt(lender)
    const run = await session.run((client) =>
      inTransaction(client, () =>
        leaveRun(client, attempt, outcome, `${outcome}: ${error.message}`, timing.abandonAfter, notices),
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
