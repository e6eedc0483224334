import type { Client } from 'pg'
import { evictSilentAttempts, findAbandonedRuns, findSilentRuns } from '../db/runs/attempts.ts'
import type { Neighbours } from '../db/runs/attempts.ts'
import { inTransaction, withClient } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { asError } from '../errors.ts'
import type { NoticesOf } from '../notify/sink.ts'
import { closeAbandonedRun } from './close.ts'

export type SilentRuns = NoticesOf & {
  readonly among: Neighbours
  /** The key of a run that is not closed, because the caller goes on with it. */
  readonly except?: string | undefined
  /** The silence that ends an attempt, in ms. */
  readonly abandonAfter: number
}

/** Ends the attempts that have gone silent, and closes as abandoned the runs that no attempt works on any more. */
export async function closeSilentRuns(client: Client, options: SilentRuns): Promise<void> {
  const { among, except = null, abandonAfter, ...notices } = options
  // Of the excepted run too: a frozen worker may hold its row.
  for (const run of await findSilentRuns(client, among, abandonAfter)) {
    await evictSilentAttempts(client, run, abandonAfter)
  }
  for (const run of await findAbandonedRuns(client, among, except, abandonAfter)) {
    await inTransaction(client, () => closeAbandonedRun(client, run, abandonAfter, notices))
  }
}

/** The limit for one statement, in ms: whoever sends notices must not wait for the locks of others for long. */
const PATIENCE = 15_000

/**
 * The same for all runs of a database, or of one environment, whoever runs it, or nobody any more. What keeps them from
 * being closed is a warning.
 */
export async function closeSilentRunsOf(
  target: Target,
  environment: string | null,
  options: Omit<SilentRuns, 'among' | 'except'>,
): Promise<void> {
  try {
    const among = { environment, scheduleUid: null }
    await withClient({ ...target, queryTimeout: PATIENCE }, (client) =>
      closeSilentRuns(client, { ...options, among }),
    )
  } catch (thrown) {
    const message = `the runs of dead processes could not be closed: ${asError(thrown).message}`
    options.observer?.({ type: 'warning', message })
  }
}
