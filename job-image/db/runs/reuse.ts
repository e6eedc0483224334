import type { Client } from 'pg'
import { inputDigest } from './input-digest.ts'
import { UTC_NOW } from './job-runs.ts'
import { STAY_ON_INDEXES } from '../results/result-queries.ts'
import type { RunRef } from './run-ref.ts'

export type ReuseRequest = {
  readonly run: RunRef
  readonly environment: string
  /** Systems in scope; null: all of the environment. */
  readonly only: readonly number[] | null
  /** `planDigest` of what would decide them now. */
  readonly planDigest: Buffer
  /** After how many seconds decisions are made anew, whatever has not changed. */
  readonly fullEvery: number
}

export type ReusedSystems = {
  /** Systems whose decisions this run takes over. */
  readonly systems: number
  /** Systems that could have been, had not one of their decisions been made longer ago than `fullEvery`. */
  readonly tooOld: number
  /** The run that they are all taken over from; null if there are several, or none. */
  readonly previousRun: number | null
}

// Of every system its newest answer, of whatever run: an older one is never taken over, also where it would fit. That
// of a later run is not either: prune looks for what refers to a run in later ones only.
// `held` asks, from the cheap to the dear: do the rows still exist; has nobody judged the system since; is all that it
// was made from the same. One system at a time, by indexes: each step is materialized and looks things up in subqueries
// of its own (OFFSET 0, FOR KEY SHARE), because a join would be ordered by statistics that have never seen the latest
// runs, and then the digests may be made once for each run there is.
// The origin is locked against prune, which passes over what somebody holds.
const CARRY = `
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
  age AS (SELECT count(*) FILTER (WHERE made_at <= $5::timestamp - $6 * interval '1 s')::int AS old FROM held),
  carried AS (
    INSERT INTO job_run_systems (job_run_id, system_id, state, results_run_id, pass, fail, insufficient_evidence,
                                 unknown, decided_at, input_digest, valid_until)
    SELECT $1, system_id, 'done', results_run_id, pass, fail, insufficient_evidence, unknown, ${UTC_NOW}, input_digest,
           valid_until
      FROM held, age WHERE old = 0
    RETURNING system_id)
  SELECT (SELECT count(*)::int FROM carried) AS systems,
         CASE WHEN old = 0 THEN 0 ELSE (SELECT count(*)::int FROM held) END AS "tooOld",
         (SELECT CASE WHEN min(job_run_id) = max(job_run_id) THEN min(job_run_id) END
            FROM held WHERE old = 0) AS "previousRun"
    FROM age`

/**
 * Puts into the run's queue, as done, every system whose newest decisions would be made again just as they stand: same
 * evidence, same plan, no moment passed that changes an answer, and no later row of anybody. They point to the run that
 * made them. All or none when one of them was made longer ago than `fullEvery`: then the run is a full one.
 * Runs inside a transaction that holds the run's row.
 */
export async function reuseSystems(client: Client, request: ReuseRequest): Promise<ReusedSystems> {
  const { run, environment, only, planDigest, fullEvery } = request
  await client.query(STAY_ON_INDEXES.replaceAll('SET ', 'SET LOCAL '))
  const { rows } = await client.query<ReusedSystems>(CARRY, [
    run.id,
    environment,
    only,
    planDigest,
    run.reference_time,
    fullEvery,
  ])
  return rows[0]!
}
