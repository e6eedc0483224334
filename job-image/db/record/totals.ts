import type { Client } from 'pg'
import type { RunCounts } from '../../../crds/run-summary.ts'
import { OF_RUN, RUN_EXISTS, runParameters } from '../runs/run-ref.ts'
import type { RunRef } from '../runs/run-ref.ts'

/** Sums over the systems of a run. */
export type RunTotals = {
  readonly systems: number
  readonly pending: number
  readonly failedSystems: number
  /** Why one of the systems could not be evaluated; null if all could. */
  readonly error: string | null
  readonly counts: Pick<RunCounts, 'pass' | 'fail' | 'insufficientEvidence' | 'unknown'>
}

export async function runTotals(client: Client, run: RunRef): Promise<RunTotals> {
  type Sums = {
    pending: number
    recorded: number
    errors: number
    error: string | null
    pass: number
    fail: number
    insufficient: number
    unknown: number
  }
  const { rows } = await client.query<Sums>(
    `SELECT (SELECT count(*)::int FROM run_queue WHERE job_run_id = $1 AND ${RUN_EXISTS}) AS pending,
            count(*)::int AS recorded, count(error)::int AS errors, min(error) AS error,
            coalesce(sum(pass_count), 0)::int AS pass, coalesce(sum(fail_count), 0)::int AS fail,
            coalesce(sum(insufficient_count), 0)::int AS insufficient, coalesce(sum(unknown_count), 0)::int AS unknown
       FROM run_records WHERE ${OF_RUN}`,
    runParameters(run),
  )
  const sums = rows[0] as Sums
  return {
    systems: sums.pending + sums.recorded,
    pending: sums.pending,
    failedSystems: sums.errors,
    error: sums.error,
    counts: {
      pass: sums.pass,
      fail: sums.fail,
      insufficientEvidence: sums.insufficient,
      unknown: sums.unknown,
    },
  }
}
