import type { Client } from 'pg'
import { droppedRows } from '../session/dropped-rows.ts'
import { UTC_NOW } from './job-runs.ts'
import { OF_RUN, RUN_EXISTS, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'
import { IDLE_LIMIT } from '../session/session-settings.ts'

const ATTEMPTS = 'job_run_attempts'

/** One process that works, or worked, on a run. Timestamps are PostgreSQL's text, UTC. */
export type Attempt = {
  readonly attempt: number
  readonly worker: string
  readonly host: string
  readonly started_at: string
  readonly heartbeat_at: string
  readonly ended_at: string | null
  readonly outcome: AttemptOutcome | null
  readonly error: string | null
}

export type AttemptOutcome = 'success' | 'failed' | 'interrupted' | 'abandoned'

/** Identifies an attempt. Its number is not unique across failovers; the worker's name is. */
export type AttemptRef = { readonly run: RunRef; readonly attempt: number; readonly worker: string }

/**
 * The application name of an attempt's sessions: peers find and end the session of a frozen worker by it. The last part
 * of the worker's name distinguishes it from a worker of another run with the same numbers after a failover.
 */
export function sessionName({ run, attempt, worker }: AttemptRef): string {
  return `rapidrmf run=${run.id} attempt=${attempt} ${worker.slice(worker.lastIndexOf('/') + 1)}`
}

/** Adds an attempt, or finds the one that the worker added before it lost its connection. Needs the run's row locked. */
export async function beginAttempt(
  client: Client,
  run: RunRef,
  worker: string,
  host: string,
): Promise<number> {
  const { rows } = await client.query<{ attempt: number }>(
    `WITH mine AS (
       SELECT attempt FROM job_run_attempts WHERE ${OF_RUN} AND worker = $4 AND ended_at IS NULL),
     added AS (
       INSERT INTO job_run_attempts (job_run_id, attempt, worker, host, started_at, heartbeat_at)
       SELECT $1, 1 + coalesce((SELECT max(attempt) FROM job_run_attempts WHERE job_run_id = $1), 0), $4, $5,
              ${UTC_NOW}, ${UTC_NOW}
        WHERE ${RUN_EXISTS} AND NOT EXISTS (SELECT FROM mine)
       RETURNING attempt)
     SELECT attempt FROM mine UNION ALL SELECT attempt FROM added`,
    [...runParameters(run), worker, host],
  )
  const [row] = rows
  if (row !== undefined) return row.attempt
  throw await droppedRows(client, ATTEMPTS, `a row for this attempt at run ${run.id}`)
}

/** SQL condition: a row of `job_run_attempts` is the attempt of `attemptParameters`. */
const IS_ATTEMPT = `${OF_RUN} AND attempt = $4 AND worker = $5`

function attemptParameters({ run, attempt, worker }: AttemptRef): (number | string | null)[] {
  return [...runParameters(run), attempt, worker]
}

/**
 * Records a heartbeat. Returns those of the worker's waiting sessions (`backendPids`) that will never get an answer: the
 * server has no such process, or the process has been waiting for its client for longer than the idle limit, which does
 * not apply within a COPY. Returns undefined if the attempt is no longer active: a peer has abandoned it, or a failover
 * lost it.
 */
export async function recordHeartbeat(
  client: Client,
  attempt: AttemptRef,
  backendPids: readonly number[],
): Promise<readonly number[] | undefined> {
  const { rows } = await client.query<{ gone: number[] }>(
    `UPDATE job_run_attempts SET heartbeat_at = ${UTC_NOW}
      WHERE ${IS_ATTEMPT} AND ended_at IS NULL
      RETURNING ARRAY(SELECT mine FROM unnest($6::int[]) mine
                       WHERE NOT EXISTS (SELECT FROM pg_stat_activity
                                          WHERE pid = mine
                                            AND (wait_event IS DISTINCT FROM 'ClientRead'
                                                 OR state_change > clock_timestamp() - interval '${IDLE_LIMIT}'))) AS gone`,
    [...attemptParameters(attempt), backendPids],
  )
  const [row] = rows
  if (row !== undefined) return row.gone
  if (await isOpen(client, attempt)) {
    throw await droppedRows(
      client,
      ATTEMPTS,
      `the heartbeat of attempt ${attempt.attempt} at run ${attempt.run.id}`,
    )
  }
  return undefined
}

async function isOpen(client: Client, attempt: AttemptRef): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM job_run_attempts WHERE ${IS_ATTEMPT} AND ended_at IS NULL`,
    attemptParameters(attempt),
  )
  return rows.length > 0
}

export async function endAttempt(
  client: Client,
  attempt: AttemptRef,
  outcome: AttemptOutcome,
  error: string | null,
): Promise<void> {
  await client.query(
    `UPDATE job_run_attempts SET ended_at = ${UTC_NOW}, outcome = $6, error = $7
      WHERE ${IS_ATTEMPT} AND ended_at IS NULL`,
    [...attemptParameters(attempt), outcome, error],
  )
}

/**
 * SQL condition: the last heartbeat of a row of `job_run_attempts` is not older than `limit`, a number of ms. A heartbeat
 * further in the future than that does not count: the database's clock was wrong when it was written, so its age is
 * unknown.
 */
function hasFreshHeartbeat(limit: string): string {
  const span = `${limit} * interval '1 ms'`
  return `heartbeat_at > ${UTC_NOW} - ${span} AND heartbeat_at <= ${UTC_NOW} + ${span}`
}

/** SQL condition: an attempt has not ended, and its last heartbeat is recent. */
function isAlive(limit: string): string {
  return `ended_at IS NULL AND ${hasFreshHeartbeat(limit)}`
}

/** SQL condition: an attempt has not ended, and its last heartbeat is too old. */
function isSilent(limit: string): string {
  return `ended_at IS NULL AND NOT (${hasFreshHeartbeat(limit)})`
}

/** True if any attempt of the run has neither ended nor gone silent for `abandonAfter` ms. */
export async function hasLiveAttempt(client: Client, run: RunRef, abandonAfter: number): Promise<boolean> {
  const { rows } = await client.query<{ alive: boolean }>(
    `SELECT EXISTS (SELECT FROM job_run_attempts
                     WHERE ${OF_RUN} AND ${isAlive('$4')}) AS alive`,
    [...runParameters(run), abandonAfter],
  )
  return rows[0]?.alive === true
}

/**
 * Ends the attempts of a run whose last heartbeat is older than `abandonAfter` ms, and their sessions first: no timeout
 * ends the session of a client that is frozen inside COPY, and only pg_terminate_backend releases its locks.
 */
export async function evictSilentAttempts(
  client: Client,
  run: RunRef,
  abandonAfter: number,
): Promise<number> {
  const silent = `${OF_RUN} AND ${isSilent('$4')}`
  const { rows } = await client.query<{ attempt: number; worker: string }>(
    `SELECT attempt, worker FROM job_run_attempts WHERE ${silent}`,
    [...runParameters(run), abandonAfter],
  )
  if (rows.length === 0) return 0
  await client.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ANY($1)
        AND pg_has_role(usesysid, 'USAGE')`,
    [rows.map((each) => sessionName({ run, ...each }))],
  )
  const { rowCount } = await client.query(
    `UPDATE job_run_attempts
        SET ended_at = ${UTC_NOW}, outcome = 'abandoned',
            error = CASE WHEN heartbeat_at <= ${UTC_NOW} THEN 'no heartbeat since ' || heartbeat_at || ' UTC'
                         ELSE 'its last heartbeat, ' || heartbeat_at || ' UTC, is ahead of the clock of the database'
                    END
      WHERE ${silent}`,
    [...runParameters(run), abandonAfter],
  )
  return rowCount ?? 0
}

/** The runs of an environment (null: of all), and those of a schedule in any environment. */
export type RunGroup = { readonly environment: string | null; readonly scheduleUid: string | null }

/** SQL condition: a row `r` of `job_runs` belongs to the group given as $1 and $2. */
const IN_GROUP = '($1::text IS NULL OR r.environment = $1 OR r.schedule_uid = $2)'

/** The runs, including closed ones, that have a silent attempt. */
export async function findSilentRuns(
  client: Client,
  { environment, scheduleUid }: RunGroup,
  abandonAfter: number,
): Promise<RunRef[]> {
  const { rows } = await client.query<RunRef>(
    `SELECT r.id, r.run_key, r.reference_time FROM job_runs r
      WHERE ${IN_GROUP}
        AND EXISTS (SELECT FROM job_run_attempts a
                     WHERE a.job_run_id = r.id AND ${isSilent('$3')})
      ORDER BY r.id`,
    [environment, scheduleUid, abandonAfter],
  )
  return rows
}

/** The running runs with a run key, except `exceptKey`, that have no live attempt. */
export async function findAbandonedRuns(
  client: Client,
  { environment, scheduleUid }: RunGroup,
  exceptKey: string | null,
  abandonAfter: number,
): Promise<RunRef[]> {
  const { rows } = await client.query<RunRef>(
    `SELECT r.id, r.run_key, r.reference_time FROM job_runs r
      WHERE ${IN_GROUP}
        AND r.status = 'running' AND r.run_key IS NOT NULL AND r.run_key IS DISTINCT FROM $3
        AND NOT EXISTS (SELECT FROM job_run_attempts a
                         WHERE a.job_run_id = r.id AND ${isAlive('$4')})
      ORDER BY r.id`,
    [environment, scheduleUid, exceptKey, abandonAfter],
  )
  return rows
}

/**
 * The time of the last heartbeat (without one: of the start) of those of these runs that are `running` without a live
 * attempt, by id; PostgreSQL's text, UTC.
 */
export async function silentSince(
  client: Client,
  runIds: readonly number[],
  abandonAfter: number,
): Promise<Map<number, string>> {
  const { rows } = await client.query<{ id: number; since: string }>(
    `SELECT r.id, max(least(coalesce(a.ended_at, a.heartbeat_at, r.started_at), ${UTC_NOW}))::text AS since
       FROM job_runs r LEFT JOIN job_run_attempts a ON a.job_run_id = r.id
      WHERE r.id = ANY ($1) AND r.status = 'running' AND r.run_key IS NOT NULL
      GROUP BY r.id
     HAVING NOT coalesce(bool_or(${isAlive('$2')}), false)`,
    [runIds, abandonAfter],
  )
  return new Map(rows.map(({ id, since }) => [id, since]))
}

export async function listAttempts(client: Client, runId: number): Promise<Attempt[]> {
  const { rows } = await client.query<Attempt>(
    `SELECT attempt, worker, host, started_at, heartbeat_at, ended_at, outcome, error
       FROM job_run_attempts WHERE job_run_id = $1 ORDER BY attempt`,
    [runId],
  )
  return rows
}
