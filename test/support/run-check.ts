import type { Client } from 'pg'
import { expect } from 'vitest'
import { listAttempts, sessionName } from '../../job-image/db/runs/attempts.ts'
import { replayRun } from '../../job-image/db/record/replay-run.ts'
import { verifyRun } from '../../job-image/db/record/verify-run.ts'
import { findJobRunByKey, getJobRun } from '../../job-image/db/runs/job-runs.ts'

type Stored = {
  readonly status: string
  readonly finished: boolean
  readonly metrics: Record<string, number>
  readonly rows: number
  readonly pairs: number
  readonly pass: number
  readonly fail: number
  readonly insufficient_evidence: number
  readonly unknown: number
  readonly pending: number
}

/** The state of a run in the database, by its run key. */
export async function storedRun(client: Client, runKey: string): Promise<Stored> {
  const { rows } = await client.query<Stored>(
    `SELECT r.status, r.finished_at IS NOT NULL AS finished, r.metrics,
            count(v.id)::int AS rows, count(DISTINCT (v.system_id, v.control_id)) FILTER (WHERE v.id IS NOT NULL)::int AS pairs,
            count(*) FILTER (WHERE v.status = 'PASS')::int AS pass,
            count(*) FILTER (WHERE v.status = 'FAIL')::int AS fail,
            count(*) FILTER (WHERE v.status = 'INSUFFICIENT_EVIDENCE')::int AS insufficient_evidence,
            count(*) FILTER (WHERE v.status = 'UNKNOWN')::int AS unknown,
            (SELECT count(*) FROM run_systems q WHERE q.job_run_id = r.id AND q.state = 'pending')::int AS pending
       FROM job_runs r LEFT JOIN validation_results v ON v.job_run_id = r.id
      WHERE r.run_key = $1 GROUP BY r.id`,
    [runKey],
  )
  expect(rows).toHaveLength(1)
  return rows[0] as Stored
}

/** Checks that the run is closed as success, has each (system, control) once, and that its counts match the rows. */
export async function expectExactlyOnce(client: Client, runKey: string, results: number): Promise<void> {
  const stored = await storedRun(client, runKey)
  expect(stored).toMatchObject({
    status: 'success',
    finished: true,
    rows: results,
    pairs: results,
    pending: 0,
  })
  const { metrics, pass, fail, insufficient_evidence, unknown } = stored
  expect(metrics).toMatchObject({ results_saved: results, pass, fail, insufficient_evidence, unknown })
}

/** What a run is to hold: its systems and controls, and whether it publishes. */
type Expected = { readonly systems: number; readonly controls: number; readonly publish: 'all' | 'none' }

/**
 * Checks that the run is closed as success with one whole record per system and nothing queued, that its counts are the
 * sums of its records, that it is replayed with the same answers, and that all or none of its results are published.
 */
export async function expectWholeRecord(client: Client, runKey: string, expected: Expected): Promise<void> {
  const { systems, controls, publish } = expected
  const results = systems * controls
  const { status, pending, rows, pairs, metrics } = await storedRun(client, runKey)
  const published = publish === 'all' ? results : 0
  expect({ status, pending, rows, pairs }).toEqual({
    status: 'success',
    pending: 0,
    rows: published,
    pairs: published,
  })
  const { rows: sums } = await client.query<Record<string, number>>(
    `SELECT count(*)::int AS systems, sum(pass_count)::int AS pass, sum(fail_count)::int AS fail,
            sum(insufficient_count)::int AS insufficient_evidence, sum(unknown_count)::int AS unknown,
            (SELECT count(*)::int FROM run_queue) AS queued
       FROM run_records WHERE job_run_id = (SELECT id FROM job_runs WHERE run_key = $1) AND error IS NULL`,
    [runKey],
  )
  const { queued, ...counts } = sums[0]!
  expect({ queued, counts }).toEqual({ queued: 0, counts: expect.objectContaining({ systems }) as object })
  expect(metrics).toMatchObject({ ...counts, results_saved: results, errors: 0 })
  const run = (await findJobRunByKey(client, runKey))!
  expect(await verifyRun(client, run)).toMatchObject({ systems, withoutDetails: 0, problems: [] })
  let replayed = 0
  for await (const page of replayRun(client, run.id, undefined)) {
    expect(
      page.filter(({ differences, problem }) => differences.length > 0 || problem !== undefined),
    ).toEqual([])
    replayed += page.length
  }
  expect(replayed).toBe(systems)
}

/** The name of an attempt's sessions. */
export async function attemptSession(client: Client, runId: number, attempt: number): Promise<string> {
  const run = await getJobRun(client, runId)
  const registered = (await listAttempts(client, runId)).find((each) => each.attempt === attempt)
  if (run === undefined || registered === undefined) throw new Error(`no attempt ${attempt} at run ${runId}`)
  return sessionName({ run, attempt, worker: registered.worker })
}

/** Returns the open sessions of runs. */
export async function runSessions(client: Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'rapidrmf run=%'`,
  )
  return rows[0]?.n ?? -1
}
