import type { JobRun } from './job-runs.ts'

/**
 * Identifies a run. Its id alone does not: a standby promoted without the last transactions, and a restored backup, assign
 * the same id again. The key is the identity; the reference time (of the insert) distinguishes two rows of one key, the
 * first of which was lost. A `JobRun` is a reference to itself.
 */
export type RunRef = Pick<JobRun, 'id' | 'run_key' | 'reference_time'>

/** The parameters $1 to $3 of every statement that addresses a run. */
export function runParameters({
  id,
  run_key,
  reference_time,
}: RunRef): [id: number, runKey: string | null, referenceTime: string | null] {
  return [id, run_key, reference_time]
}

/** SQL condition: a row of `job_runs` is the run of `runParameters`. */
export const IS_RUN = `id = $1::int AND run_key IS NOT DISTINCT FROM $2::text
  AND reference_time IS NOT DISTINCT FROM $3::timestamp`

/** SQL condition: the run of `runParameters` is in this database. */
export const RUN_EXISTS = `EXISTS (SELECT FROM job_runs WHERE ${IS_RUN})`

/** SQL condition: a row with the column `job_run_id` belongs to the run of `runParameters`. */
export const OF_RUN = `job_run_id = $1 AND ${RUN_EXISTS}`
