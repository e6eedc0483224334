import type { Client } from 'pg'
import { evictSilentAttempts, findAbandonedRuns, findSilentRuns } from '../db/runs/attempts.ts'
import type { RunGroup } from '../db/runs/attempts.ts'
import { inTransaction, withClient } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { asError } from '../errors.ts'
import type { NotifyOptions } from '../notify/sink.ts'
import { closeAbandonedRun } from './close.ts'

export type AbandonedRuns = NotifyOptions & {
  readonly among: RunGroup
  /** The key of a run that is not closed, because the caller continues it. */
  readonly except?: string | undefined
  /** Age of a heartbeat after which an attempt counts as dead, in ms. */
  readonly abandonAfter: number
}

/** Ends the attempts that are silent, and closes the runs without a live attempt as abandoned. */
export async function closeAbandonedRuns(client: Client, options: AbandonedRuns): Promise<void> {
  const { among, except = null, abandonAfter, ...notices } = options
  // The excepted run included: a frozen worker may hold its row.
  for (const run of await findSilentRuns(client, among, abandonAfter)) {
    await evictSilentAttempts(client, run, abandonAfter)
  }
  for (const run of await findAbandonedRuns(client, among, except, abandonAfter)) {
    await inTransaction(client, () => closeAbandonedRun(client, run, abandonAfter, notices))
  }
}

/** Statement timeout, in ms: a sender of notices must not wait long for the locks of others. */
const STATEMENT_TIMEOUT = 15_000

/** Closes the abandoned runs of one environment, or of all (null). An error is reported as a warning. */
export async function closeAbandonedRunsOf(
  target: Target,
  environment: string | null,
  options: Omit<AbandonedRuns, 'among' | 'except'>,
): Promise<void> {
  try {
    const among = { environment, scheduleUid: null }
    await withClient({ ...target, queryTimeout: STATEMENT_TIMEOUT }, (client) =>
      closeAbandonedRuns(client, { ...options, among }),
    )
  } catch (thrown) {
    const message = `abandoned runs could not be closed: ${asError(thrown).message}`
    options.observer?.({ type: 'warning', message })
  }
}
