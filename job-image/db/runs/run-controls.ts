import type { Client } from 'pg'
import type { RunCounts } from '../../../crds/run-summary.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { RUN_EXISTS, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** Adds a worker's times to the stored ones; `us`: microseconds. Locks rows in the order of their ids: no deadlock. */
export async function addControlTimes(
  client: Client,
  run: RunRef,
  times: readonly { readonly controlId: number; readonly us: number }[],
): Promise<void> {
  await client.query(
    `INSERT INTO job_run_controls AS c (job_run_id, control_id, decide_us)
     SELECT $1, t.control_id, t.us FROM unnest($4::int[], $5::bigint[]) AS t (control_id, us)
      WHERE ${RUN_EXISTS} ORDER BY t.control_id
     ON CONFLICT (job_run_id, control_id) DO UPDATE SET decide_us = c.decide_us + EXCLUDED.decide_us`,
    [...runParameters(run), times.map(({ controlId }) => controlId), times.map(({ us }) => us)],
  )
}

type StatusCounts = Pick<RunCounts, 'pass' | 'fail' | 'insufficientEvidence' | 'unknown'>

/** Counts of the rows `v`, per control. */
const BY_STATUS = `v.control_id, count(*) FILTER (WHERE v.status = 'PASS') AS pass,
  count(*) FILTER (WHERE v.status = 'FAIL') AS fail,
  count(*) FILTER (WHERE v.status = 'INSUFFICIENT_EVIDENCE') AS insufficient,
  count(*) FILTER (WHERE v.status = 'UNKNOWN') AS unknown`

/**
 * Counts all rows. The run's own rows are read by the run's id alone, four times faster than through its systems: about
 * 0.35 s for a million. Reused rows belong to other runs and are read through the systems.
 */
const ALL = `
  SELECT control_id, sum(pass)::int AS pass, sum(fail)::int AS fail, sum(insufficient)::int AS insufficient,
         sum(unknown)::int AS unknown
    FROM (SELECT ${BY_STATUS} FROM validation_results v WHERE v.job_run_id = $1 GROUP BY v.control_id
          UNION ALL
          SELECT ${BY_STATUS}
            FROM job_run_systems s
            JOIN validation_results v ON v.job_run_id = s.results_run_id AND v.system_id = s.system_id
           WHERE s.job_run_id = $1 AND s.state = 'done' AND s.results_run_id <> $1
           GROUP BY v.control_id) parts
   GROUP BY control_id`

/**
 * The counts of the previous run ($2), minus its rows that are not reused, plus the new rows: reads only what changed.
 * EXCEPT, because without statistics of the two runs an anti-join compares every system with every other one.
 */
const CHANGED = `
  WITH gone AS MATERIALIZED (
    SELECT system_id, results_run_id FROM job_run_systems WHERE job_run_id = $2 AND state = 'done'
    EXCEPT
    SELECT system_id, results_run_id FROM job_run_systems WHERE job_run_id = $1)
  SELECT control_id, sum(pass)::int AS pass, sum(fail)::int AS fail, sum(insufficient)::int AS insufficient,
         sum(unknown)::int AS unknown
    FROM (SELECT control_id, pass, fail, insufficient_evidence AS insufficient, unknown
            FROM job_run_controls WHERE job_run_id = $2
          UNION ALL
          SELECT control_id, -pass, -fail, -insufficient, -unknown
            FROM (SELECT ${BY_STATUS}
                    FROM gone s
                   CROSS JOIN LATERAL (
                          SELECT v.* FROM validation_results v
                           WHERE v.job_run_id = s.results_run_id AND v.system_id = s.system_id OFFSET 0) v
                   GROUP BY v.control_id) less
          UNION ALL
          SELECT ${BY_STATUS} FROM validation_results v WHERE v.job_run_id = $1 GROUP BY v.control_id) parts
   GROUP BY control_id HAVING sum(pass + fail + insufficient + unknown) > 0`

/** The counts of one control, in the order of STORE's columns. */
export type ControlCounts = readonly [
  id: number,
  pass: number,
  fail: number,
  insufficient: number,
  unknown: number,
]

const STORE = `
  INSERT INTO job_run_controls (job_run_id, control_id, pass, fail, insufficient_evidence, unknown)
  SELECT $1, counted.* FROM unnest($4::int[], $5::int[], $6::int[], $7::int[], $8::int[]) counted
   WHERE ${RUN_EXISTS} ORDER BY 2
  ON CONFLICT (job_run_id, control_id) DO UPDATE
     SET pass = EXCLUDED.pass, fail = EXCLUDED.fail, insufficient_evidence = EXCLUDED.insufficient_evidence,
         unknown = EXCLUDED.unknown`

/**
 * Stores the counts per control of a whole run. `own` are the counts of one worker's committed batches: if they add up to
 * the `totals` of the run's systems, no other worker decided any, and no rows are read. Otherwise, if the run reuses
 * results of one `previousRun`, they are computed from that run's counts; these may be outdated by deleted rows, so they
 * are compared with the totals, too. Otherwise all rows are counted. Must run in the transaction that closed the run.
 */
export async function countControls(
  client: Client,
  run: RunRef,
  totals: StatusCounts,
  { own = [], previousRun = null }: CountSources = {},
): Promise<void> {
  const fits = (counts: readonly ControlCounts[]): boolean => agree(sums(counts), totals)
  let counts = own
  if (!fits(counts) && previousRun !== null) counts = await read(client, CHANGED, [run.id, previousRun])
  if (!fits(counts)) counts = await read(client, ALL, [run.id])
  const { rowCount } = await client.query(STORE, [
    ...runParameters(run),
    ...[0, 1, 2, 3, 4].map((column) => counts.map((row) => row[column])),
  ])
  if (rowCount === counts.length) return
  throw await droppedRows(
    client,
    'job_run_controls',
    `the counts of ${counts.length} controls of run ${run.id}`,
  )
}

/** Sources of the counts that save reading all rows of the run. */
export type CountSources = {
  readonly own?: readonly ControlCounts[]
  readonly previousRun?: number | null
}

/**
 * Executes a counting query without sorting. Statistics expect hardly any rows of a recent run, so the planner would sort
 * them, which takes as long as reading them.
 */
async function read(client: Client, text: string, values: readonly number[]): Promise<ControlCounts[]> {
  await client.query('SET LOCAL enable_sort TO off')
  const { rows } = await client.query<[...ControlCounts]>({ text, values: [...values], rowMode: 'array' })
  await client.query('SET LOCAL enable_sort TO DEFAULT')
  return rows
}

function sums(counts: readonly ControlCounts[]): StatusCounts {
  const sum = (column: 1 | 2 | 3 | 4): number => counts.reduce((total, row) => total + row[column], 0)
  return { pass: sum(1), fail: sum(2), insufficientEvidence: sum(3), unknown: sum(4) }
}

function agree(a: StatusCounts, b: StatusCounts): boolean {
  return (
    a.pass === b.pass &&
    a.fail === b.fail &&
    a.insufficientEvidence === b.insufficientEvidence &&
    a.unknown === b.unknown
  )
}
