import type { Client } from 'pg'
import { carrySystems } from '../db/runs/reuse.ts'
import { isDataError } from '../db/session/errors.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { asError } from '../errors.ts'
import type { RunRequest } from './request.ts'

/** `attributes.incremental` of a run that was asked to decide only what has changed. */
export type CarryRecord = {
  /** Systems whose decisions were taken over from earlier runs. */
  readonly carried: number
  /** The run that all of them were taken over from; null if there are several, or none. */
  readonly previous_run: number | null
  /** Why everything was decided anew all the same; null when it was not. */
  readonly full_because: string | null
}

/**
 * Queues, as done, the systems whose decisions still hold. Undefined where the request does not ask for it. Runs inside
 * the transaction of planning; a row that cannot be read makes the run a full one, in which that system is an error.
 */
export async function carryOver(
  client: Client,
  run: JobRun,
  request: RunRequest,
  planDigest: Buffer,
  only: readonly number[] | null,
): Promise<CarryRecord | undefined> {
  const { incremental, environment, observer } = request
  if (incremental === undefined) return undefined
  await client.query('SAVEPOINT carry')
  try {
    const { systems, tooOld, previousRun } = await carrySystems(client, {
      run,
      environment,
      only,
      planDigest,
      fullEvery: incremental.fullEvery,
    })
    const because = tooOld > 0 ? `decisions are ${incremental.fullEvery} s old or older` : null
    return { carried: systems, previous_run: previousRun, full_because: because }
  } catch (thrown) {
    if (!isDataError(thrown)) throw thrown
    await client.query('ROLLBACK TO SAVEPOINT carry')
    const because = `what has changed cannot be told: ${asError(thrown).message}`
    observer?.({ type: 'warning', message: `everything is decided anew: ${because}` })
    return { carried: 0, previous_run: null, full_because: because }
  }
}

/** As planning stored it; undefined for a run that was not asked, and for anything that another program wrote. */
export function carryRecord({ attributes }: Pick<JobRun, 'attributes'>): CarryRecord | undefined {
  const stored = attributes?.['incremental'] as Partial<CarryRecord> | null | undefined
  if (typeof stored?.carried !== 'number') return undefined
  const { carried, previous_run: previous, full_because: because } = stored
  return {
    carried,
    previous_run: typeof previous === 'number' ? previous : null,
    full_because: typeof because === 'string' ? because : null,
  }
}
