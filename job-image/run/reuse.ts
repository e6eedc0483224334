import type { Client } from 'pg'
import { formatDuration } from '../../common/duration.ts'
import { reuseSystems } from '../db/record/reuse.ts'
import { isDataError } from '../db/session/errors.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { asError } from '../errors.ts'
import type { RunOptions } from './options.ts'

/** `attributes.incremental` of an incremental run. */
export type ReuseRecord = {
  /** Systems whose results were reused from earlier runs. */
  readonly carried: number
  /** The run that all reused results come from; null if there are several, or none. */
  readonly previous_run: number | null
  /** Why all systems were evaluated nevertheless; null if they were not. */
  readonly full_because: string | null
}

/**
 * Queues, as done, the systems whose results are still valid. Returns undefined for a run that is not incremental. Must
 * run inside the planning transaction. A row that cannot be read makes the run a full one, with an error for that system.
 */
export async function reuseResults(
  client: Client,
  run: JobRun,
  options: RunOptions,
  planDigest: Buffer,
  only: readonly number[] | null,
): Promise<ReuseRecord | undefined> {
  const { incremental, environment, observer, publish } = options
  if (incremental === undefined) return undefined
  await client.query('SAVEPOINT reuse')
  try {
    const { systems, tooOld, previousRun } = await reuseSystems(client, {
      run,
      environment,
      only,
      planDigest,
      fullEvery: incremental.fullEvery,
      published: publish === 'all',
    })
    const because = tooOld > 0 ? `decisions are ${formatDuration(incremental.fullEvery)} old or older` : null
    return { carried: systems, previous_run: previousRun, full_because: because }
  } catch (thrown) {
    if (!isDataError(thrown)) throw thrown
    await client.query('ROLLBACK TO SAVEPOINT reuse')
    const because = `changes could not be detected: ${asError(thrown).message}`
    observer?.({ type: 'warning', message: `all systems are evaluated: ${because}` })
    return { carried: 0, previous_run: null, full_because: because }
  }
}

/** The record that planning stored; undefined for a run that is not incremental, and for a value of another program. */
export function reuseRecord({ attributes }: Pick<JobRun, 'attributes'>): ReuseRecord | undefined {
  const stored = attributes?.['incremental'] as Partial<ReuseRecord> | null | undefined
  if (typeof stored?.carried !== 'number') return undefined
  const { carried, previous_run: previous, full_because: because } = stored
  return {
    carried,
    previous_run: typeof previous === 'number' ? previous : null,
    full_because: typeof because === 'string' ? because : null,
  }
}
