import type { Client } from 'pg'
import { intervalText } from '../../../common/duration.ts'
import type { Duration } from '../../../common/duration.ts'
import { inputDigest } from './input-digest.ts'
import { UTC_NOW } from './job-runs.ts'
import { STAY_ON_INDEXES } from '../results/result-queries.ts'
import type { RunRef } from './run-ref.ts'

export type ReuseRequest = {
  readonly run: RunRef
  readonly environment: string
  /** Ids of the systems in scope; null for all of the environment. */
  readonly only: readonly number[] | null
  /** `planDigest` of the current plan. */
  readonly planDigest: Buffer
  /** Age of a result from which on all systems are evaluated again, back from the run's reference time. */
  readonly fullEvery: Duration
}

export type ReusedSystems = {
  /** Number of systems whose results this run reuses. */
  readonly systems: number
  /** Number of systems that were not reused because at least one result is older than `fullEvery`. */
  readonly tooOld: number
  /** The run that all reused results come from; null if there are several, or none. */
  readonly previousRun: number | null
}

// For each system only its newest results, of any run, can be reused. Results of a later run cannot: prune searches only
// later runs for references to a run.
// `held` checks in the order of cost: the rows still exist; no other program has evaluated the system since; all inputs
// are the same. Each step is materialized and uses correlated subqueries (OFFSET 0, FOR KEY SHARE), one system at a
// time: the planner would order a join by statistics that lack the latest runs, and might compute each digest per run.
// The origin row is locked against prune, which skips locked rows.
const REUSE = `
  WITH newest AS MATERIALIZED (
    SELECT q.*
      FROM systems s
     CROSS JOIN LATERAL (
            SELECT * FROM job_run_systems
             WHERE system_id = s.id AND state <> 'pending' AND job_run_id <> $1
             ORDER BY job_run_id DESC LIMIT 1) q
     WHERE s.environment = $2 AND ($3::int[] IS NULL OR s.id = ANY ($3))
       AND q.state = 'done' AND q.job_run_id < $1 AND (q.valid_until IS NULL OR q.valid_until > $5::timestamp)
       AND (SELECT reference_time FROM job_runs WHERE id = q.job_run_id) <= $5::timestamp),
  origin AS MATERIALIZED (
    SELECT n.*, o.decided_at AS made_at
      FROM newest n
     CROSS JOIN LATERAL (
            SELECT decided_at FROM job_run_systems
             WHERE job_run_id = n.results_run_id AND system_id = n.system_id AND state = 'done'
               FOR KEY SHARE) o),
  held AS MATERIALIZED (
    SELECT n.*
      FROM origin n
     WHERE EXISTS (
             SELECT FROM validation_results v
              WHERE v.job_run_id = n.results_run_id AND v.system_id = n.system_id OFFSET 0)
       AND NOT EXISTS (
             SELECT FROM validation_results v
              WHERE v.system_id = n.system_id AND v.job_run_id IS NULL AND v.validated_at > n.made_at OFFSET 0)
       AND n.input_digest = ${inputDigest('$4::bytea', 'n.system_id')}),
  age AS (SELECT count(*) FILTER (WHERE made_at <= $5::timestamp - $6::interval)::int AS old FROM held),
  reused AS (
    INSERT INTO job_run_systems (job_run_id, system_id, state, results_run_id, pass, fail, insufficient_evidence,
                                 unknown, decided_at, input_digest, valid_until)
    SELECT $1, system_id, 'done', results_run_id, pass, fail, insufficient_evidence, unknown, ${UTC_NOW}, input_digest,
           valid_until
      FROM held, age WHERE old = 0
    RETURNING system_id)
  SELECT (SELECT count(*)::int FROM reused) AS systems,
         CASE WHEN old = 0 THEN 0 ELSE (SELECT count(*)::int FROM held) END AS "tooOld",
         (SELECT CASE WHEN min(job_run_id) = max(job_run_id) THEN min(job_run_id) END
            FROM held WHERE old = 0) AS "previousRun"
    FROM age`

/**
 * Queues, as done, every system whose newest results are still valid: same evidence, same plan, no expiry in between, and
 * no later results of any program. The queue refers to the run that stored them. If one of them is older than
 * `fullEvery`, none is reused, and the run is a full one. Must run inside a transaction that holds the run's row.
 */
export async function reuseSystems(client: Client, request: ReuseRequest): Promise<ReusedSystems> {
  const { run, environment, only, planDigest, fullEvery } = request
  await client.query(STAY_ON_INDEXES.replaceAll('SET ', 'SET LOCAL '))
  const { rows } = await client.query<ReusedSystems>(REUSE, [
    run.id,
    environment,
    only,
    planDigest,
    run.reference_time,
    intervalText(fullEvery),
  ])
  return rows[0]!
}
