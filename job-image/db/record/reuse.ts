import type { Client } from 'pg'
import { intervalText } from '../../../common/duration.ts'
import type { Duration } from '../../../common/duration.ts'
import { UTC_NOW } from '../runs/job-runs.ts'
import type { RunRef } from '../runs/run-ref.ts'
import { STAY_ON_INDEXES } from '../session/stay-on-indexes.ts'
import { inputDigest } from './input-digest.ts'
import { hasRecentDetails } from './previous.ts'

export type ReuseRequest = {
  readonly run: RunRef
  readonly environment: string
  /** Ids of the systems in scope; null for all of the environment. */
  readonly only: readonly number[] | null
  /** `planDigest` of the current plan. */
  readonly planDigest: Buffer
  /** Age of an answer from which on all systems are evaluated again, back from the run's reference time. */
  readonly fullEvery: Duration
  /** True if the rows of the answers are to be in `validation_results`. */
  readonly published: boolean
}

export type ReusedSystems = {
  /** Number of systems whose answers this run reuses. */
  readonly systems: number
  /** Number of systems that were not reused because at least one answer is older than `fullEvery`. */
  readonly tooOld: number
  /** The run that all reused answers come from; null if there are several, or none. */
  readonly previousRun: number | null
}

// For each system only its newest record, of any run, can be reused. A record of a later run cannot: what is deleted by
// age would no longer be older than what refers to it.
// `held` checks in the order of cost: published rows still exist; no other program has evaluated the system since; the
// details are recent; all inputs are the same. Each step is materialized and uses correlated subqueries (OFFSET 0, FOR KEY
// SHARE), one system at a time: the planner would order a join by statistics that lack the latest runs, and might compute
// each digest per run. The origin row is locked against prune, which skips locked rows.
const REUSE = `
  WITH newest AS MATERIALIZED (
    SELECT q.*
      FROM systems s
     CROSS JOIN LATERAL (
            SELECT * FROM run_records
             WHERE system_id = s.id AND job_run_id <> $1
             ORDER BY job_run_id DESC LIMIT 1) q
     WHERE s.environment = $2 AND ($3::int[] IS NULL OR s.id = ANY ($3))
       AND q.error IS NULL AND q.job_run_id < $1 AND (q.valid_until IS NULL OR q.valid_until > $5::timestamp)
       AND (SELECT reference_time FROM job_runs WHERE id = q.job_run_id) <= $5::timestamp),
  origin AS MATERIALIZED (
    SELECT n.*
      FROM newest n
     CROSS JOIN LATERAL (
            SELECT FROM run_records
             WHERE job_run_id = n.decided_run_id AND system_id = n.system_id AND error IS NULL
               FOR KEY SHARE) o),
  held AS MATERIALIZED (
    SELECT n.*
      FROM origin n
     WHERE (NOT $7 OR EXISTS (
             SELECT FROM validation_results v
              WHERE v.job_run_id = n.decided_run_id AND v.system_id = n.system_id OFFSET 0))
       AND NOT EXISTS (
             SELECT FROM validation_results v
              WHERE v.system_id = n.system_id AND v.job_run_id IS NULL AND v.validated_at > n.decided_at OFFSET 0)
       AND ${hasRecentDetails('n', '$5::timestamp')}
       AND n.input_digest = ${inputDigest('$4::bytea', 'n.system_id')}),
  age AS (SELECT count(*) FILTER (WHERE decided_at <= $5::timestamp - $6::interval)::int AS old FROM held),
  reused AS (
    INSERT INTO run_records (job_run_id, system_id, decided_run_id, control_set_id, decisions_run_id, inputs_run_id,
                             pass_count, fail_count, insufficient_count, unknown_count, decided_at, confirmed_at,
                             valid_until, input_digest, evidence_digest, answers_digest, pass, fail)
    SELECT $1, system_id, decided_run_id, control_set_id, decisions_run_id, inputs_run_id, pass_count, fail_count,
           insufficient_count, unknown_count, decided_at, ${UTC_NOW}, valid_until, input_digest, evidence_digest,
           answers_digest, pass, fail
      FROM held, age WHERE old = 0
    RETURNING system_id)
  SELECT (SELECT count(*)::int FROM reused) AS systems,
         CASE WHEN old = 0 THEN 0 ELSE (SELECT count(*)::int FROM held) END AS "tooOld",
         (SELECT CASE WHEN min(job_run_id) = max(job_run_id) THEN min(job_run_id) END
            FROM held WHERE old = 0) AS "previousRun"
    FROM age`

/**
 * Records, as evaluated, every system whose newest answers are still valid: same evidence, same plan, no expiry in between,
 * and no later results of any program. The record is a copy that refers to the run that evaluated the system. If one of
 * them is older than `fullEvery`, none is reused, and the run is a full one. Must run inside a transaction that holds the
 * run's row.
 */
export async function reuseSystems(client: Client, request: ReuseRequest): Promise<ReusedSystems> {
  const { run, environment, only, planDigest, fullEvery, published } = request
  await client.query(STAY_ON_INDEXES.replaceAll('SET ', 'SET LOCAL '))
  const { rows } = await client.query<ReusedSystems>(REUSE, [
    run.id,
    environment,
    only,
    planDigest,
    run.reference_time,
    intervalText(fullEvery),
    published,
  ])
  return rows[0]!
}
