import type { Client } from 'pg'
import type { RunCounts } from '../../../crds/run-summary.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { RUN_EXISTS, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** Adds a worker's times to those of the others; `us`: microseconds. Always in the order of the ids: no deadlock. */
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
 * The run's own rows by the run's number alone, which is four times faster than by way of its systems: about 0.35 s for a
 * million. Those that it took over are the others' and found through the systems.
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
 * What the previous run ($2) counted, less what is not carried on from it, and what is new: reads what changed.
 * EXCEPT, because an anti-join of two runs that the statistics have not seen yet compares every system with every other.
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

/** Of one control, by its row id, in the order of STORE's columns. */
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
 * Counts per control of a whole run. `own` are those of one worker's committed batches: where they come to the `totals`
 * of the run's systems, nobody else has decided any, and nothing has to be read. Otherwise from the rows that the systems
 * point to; where the run carried decisions on from one `previousRun`, from that run's counts, which rows that are gone
 * since would make wrong: the totals tell. Runs inside the transaction that closed the run, which holds its row.
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

/** Where the counts may come from without reading all rows of the run. */
export type CountSources = {
  readonly own?: readonly ControlCounts[]
  readonly previousRun?: number | null
}

/**
 * Statistics expect hardly any rows of a run that has just been: without the setting they would be sorted, which takes as
 * long again as reading them.
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
