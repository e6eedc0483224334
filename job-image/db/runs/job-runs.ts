import type { Client } from 'pg'
import type { RunCounts, Verdict } from '../../../crds/run-summary.ts'
import { membersOf, withMembers } from '../../json-text.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { IS_RUN, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** SQL of the current time. All times of a run are the database's, so that the clocks of workers do not matter. */
export const UTC_NOW = `(clock_timestamp() AT TIME ZONE 'UTC')`

/** The type of the runs that are validations; RapidRMF has others. */
export const JOB_TYPE = 'validation'

export type RunStatus = 'running' | 'success' | 'failed'

/** A row of `job_runs`. Timestamps are PostgreSQL's text, UTC. Columns that other programs leave null are nullable. */
export type JobRun = {
  readonly id: number
  readonly job_type: string
  readonly environment: string
  readonly status: string
  readonly started_at: string
  readonly finished_at: string | null
  readonly error: string | null
  readonly metrics: Record<string, unknown>
  readonly attributes: Record<string, unknown>
  readonly run_key: string | null
  readonly schedule_uid: string | null
  readonly schedule: string | null
  readonly slot_at: string | null
  readonly verdict: Verdict | null
  readonly reference_time: string | null
  readonly planned_at: string | null
}

const COLUMNS = `id, job_type, environment, status, started_at, finished_at, error, metrics, attributes,
  run_key, schedule_uid, schedule, slot_at, verdict, reference_time, planned_at`

export type NewJobRun = {
  readonly jobType: string
  readonly environment: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** The caller's identity of the run; null for a run that this program does not resume or close. */
  readonly runKey?: string | null
  readonly scheduleUid?: string | null
  readonly schedule?: string | null
  /** The slot of the run, ISO-8601 UTC. */
  readonly slotAt?: string | null
}

/** Inserts a run as `running`. Its reference time is the database's time now. */
export async function startJobRun(client: Client, run: NewJobRun): Promise<JobRun> {
  const { rows } = await client.query<JobRun>(
    `INSERT INTO job_runs (job_type, environment, status, started_at, metrics, attributes,
                           run_key, schedule_uid, schedule, slot_at, reference_time)
     SELECT $1, $2, 'running', t.now, '{}', $3, $4, $5, $6, $7::timestamptz AT TIME ZONE 'UTC', t.now
       FROM (SELECT ${UTC_NOW} AS now) t
     RETURNING ${COLUMNS}`,
    [
      run.jobType,
      run.environment,
      JSON.stringify(run.attributes),
      run.runKey ?? null,
      run.scheduleUid ?? null,
      run.schedule ?? null,
      run.slotAt ?? null,
    ],
  )
  return rows[0] ?? Promise.reject(await droppedRows(client, 'job_runs', 'the row of this run'))
}

export type RunEnd = {
  readonly status: 'success' | 'failed'
  readonly verdict?: Verdict
  readonly metrics: Readonly<Record<string, unknown>>
  readonly error?: string | null
}

/** Ends a running run. Returns undefined if it is no longer running, or not in this database. */
export async function finishJobRun(client: Client, run: RunRef, end: RunEnd): Promise<JobRun | undefined> {
  const { rows } = await client.query<JobRun>(
    `UPDATE job_runs
        SET status = $4, verdict = $5, metrics = $6, error = $7, finished_at = ${UTC_NOW}
      WHERE ${IS_RUN} AND status = 'running'
      RETURNING ${COLUMNS}`,
    endParameters(run, end),
  )
  return rows[0]
}

function endParameters(run: RunRef, { status, verdict, metrics, error }: RunEnd): unknown[] {
  return [...runParameters(run), status, verdict ?? null, JSON.stringify(metrics), error ?? null]
}

/**
 * Closes a run whose queue is empty. Returns undefined if it is already closed or a system is pending (a worker that has
 * claimed one tries again after its own commit). The condition on `planned_at` keeps a run without a queue open.
 */
export async function closeDecidedRun(client: Client, run: RunRef, end: RunEnd): Promise<JobRun | undefined> {
  const { rows } = await client.query<JobRun>(
    `UPDATE job_runs
        SET status = $4, verdict = $5, metrics = $6, error = $7, finished_at = ${UTC_NOW}
      WHERE ${IS_RUN} AND status = 'running' AND planned_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM run_queue WHERE job_run_id = $1)
      RETURNING ${COLUMNS}`,
    endParameters(run, end),
  )
  return rows[0]
}

/** Reopens a failed run, whose row is locked. It keeps its start, its reference time and its results. */
export async function reopenJobRun(client: Client, run: RunRef): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE job_runs SET status = 'running', verdict = NULL, error = NULL, finished_at = NULL
      WHERE ${IS_RUN} AND status = 'failed'`,
    runParameters(run),
  )
  if (rowCount !== 1) throw await droppedRows(client, 'job_runs', `run ${run.id} as running again`)
}

/** The row of a key, locked against being closed or reopened until the transaction ends. */
export async function lockJobRunByKey(client: Client, runKey: string): Promise<JobRun | undefined> {
  return findOne(client, `run_key = $1 ${LOCKED}`, [runKey])
}

/** The row of a run, locked in the same way; undefined if it is not in this database. */
export async function lockJobRun(client: Client, run: RunRef): Promise<JobRun | undefined> {
  return findOne(client, `${IS_RUN} ${LOCKED}`, runParameters(run))
}

// NO KEY: inserts that reference the row (queue, attempts) do not wait for this lock. It waits for the batches' FOR SHARE.
const LOCKED = 'FOR NO KEY UPDATE'

/** The current row of a run; undefined if it is not in this database. */
export async function rereadJobRun(client: Client, run: RunRef): Promise<JobRun | undefined> {
  return findOne(client, IS_RUN, runParameters(run))
}

async function findOne(
  client: Client,
  condition: string,
  values: readonly unknown[],
): Promise<JobRun | undefined> {
  const { rows } = await client.query<JobRun>(`SELECT ${COLUMNS} FROM job_runs WHERE ${condition}`, [
    ...values,
  ])
  return rows[0]
}

/** The run that currently has this id. For reading commands, whose users give only the id. */
export async function getJobRun(client: Client, id: number): Promise<JobRun | undefined> {
  return findOne(client, 'id = $1', [id])
}

export async function findJobRunByKey(client: Client, runKey: string): Promise<JobRun | undefined> {
  return findOne(client, 'run_key = $1', [runKey])
}

/** Runs per query; in most cases the first one matches. */
const PAGE = 20

/**
 * The newest run of the same environment and scope that ended before this one. Runs without a scope compare with each
 * other. Planning resolves a baseline; an unplanned run compares by its selection. Only runs of this program have a key
 * and a verdict.
 */
export async function previousComparable(client: Client, run: JobRun): Promise<JobRun | undefined> {
  for (let offset = 0; ; offset += PAGE) {
    const { rows } = await client.query<JobRun>(
      `SELECT ${COLUMNS} FROM job_runs
        WHERE environment = $1 AND id <> $2 AND run_key IS NOT NULL AND verdict IS NOT NULL AND status <> 'running'
          AND finished_at <= $3
        ORDER BY finished_at DESC, id DESC LIMIT $4 OFFSET $5`,
      [run.environment, run.id, run.finished_at, PAGE, offset],
    )
    const found = rows.find((row) => isSameScope(row, run))
    if (found !== undefined || rows.length < PAGE) return found
  }
}

/** Compares the selections and, if both runs were planned, the controls of the baseline. */
function isSameScope(a: JobRun, b: JobRun): boolean {
  if (textIn(a, 'digests', 'scope') !== textIn(b, 'digests', 'scope')) return false
  if (a.planned_at === null || b.planned_at === null) return true
  return textIn(a, 'scope', 'digest') === textIn(b, 'scope', 'digest')
}

/** A member of a member of the attributes; undefined for a run without it. */
function textIn({ attributes }: JobRun, outer: string, inner: string): unknown {
  const members = attributes?.[outer] as Readonly<Record<string, unknown>> | null | undefined
  return members?.[inner]
}

/** The run of a slot of the schedule, or its running run. */
export async function findScheduleRun(
  client: Client,
  scheduleUid: string,
  at: { readonly slotAt: string } | 'running',
): Promise<JobRun | undefined> {
  const [condition, values] =
    at === 'running'
      ? [`status = 'running'`, [scheduleUid]]
      : [`slot_at = $2::timestamptz AT TIME ZONE 'UTC'`, [scheduleUid, at.slotAt]]
  const { rows } = await client.query<JobRun>(
    `SELECT ${COLUMNS} FROM job_runs WHERE schedule_uid = $1 AND ${condition}`,
    values,
  )
  return rows[0]
}

export type RunFilter = {
  readonly jobType?: string | undefined
  readonly environment?: string | undefined
  readonly status?: string | undefined
  /** Default 20. */
  readonly limit?: number | undefined
}

/** The runs of all programs, newest first; the filters apply before the limit. */
export async function getRecentJobRuns(client: Client, filter: RunFilter = {}): Promise<JobRun[]> {
  const { rows } = await client.query<JobRun>(
    `SELECT ${COLUMNS} FROM job_runs
      WHERE ($1::text IS NULL OR job_type = $1) AND ($2::text IS NULL OR environment = $2)
        AND ($3::text IS NULL OR status = $3)
      ORDER BY started_at DESC, id DESC LIMIT $4`,
    [filter.jobType ?? null, filter.environment ?? null, filter.status ?? null, filter.limit ?? 20],
  )
  return rows
}

/** What planning stores with the run. */
export type PlannedRun = {
  readonly metrics: Readonly<Record<string, unknown>>
  /** Added to the attributes of the row. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** Digest of the selected controls; null if all are selected. */
  readonly controlScope: string | null
  /** `planDigest` of the stored plan. */
  readonly planDigest: Buffer
}

/** Stores the plan of a run and marks it as planned. Needs the run's row locked. */
export async function markPlanned(client: Client, run: RunRef, planned: PlannedRun): Promise<void> {
  await addAttributes(client, [run.id], planned.attributes)
  const { rowCount } = await client.query(
    `UPDATE job_runs SET planned_at = ${UTC_NOW}, metrics = $4, control_scope = $5, plan_digest = $6 WHERE ${IS_RUN}`,
    [...runParameters(run), JSON.stringify(planned.metrics), planned.controlScope, planned.planDigest],
  )
  if (rowCount !== 1) throw await droppedRows(client, 'job_runs', `the plan of run ${run.id}`)
}

/**
 * Sets members of the runs' attributes and keeps those of other programs; a row that has them already is not updated.
 * Needs the runs' rows locked.
 */
export async function addAttributes(
  client: Client,
  runIds: readonly number[],
  members: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { rows } = await client.query<{ id: number; json: string }>(
    'SELECT id, attributes::text AS json FROM job_runs WHERE id = ANY ($1)',
    [runIds],
  )
  const lacking = rows.filter(({ json }) => {
    const stored = membersOf(json)
    return Object.entries(members).some(([key, value]) => stored.get(key) !== JSON.stringify(value))
  })
  if (lacking.length === 0) return
  await client.query(
    `UPDATE job_runs r SET attributes = n.attributes::json
       FROM unnest($1::int[], $2::text[]) AS n (id, attributes) WHERE r.id = n.id`,
    [lacking.map(({ id }) => id), lacking.map(({ json }) => withMembers(json, { set: members }))],
  )
}

/** A number in `job_runs.metrics`; 0 if it is missing or, in rows of other programs, not a number. */
export function metricOf({ metrics }: Pick<JobRun, 'metrics'>, key: string): number {
  const value = metrics?.[key]
  return typeof value === 'number' ? value : 0
}

/** The counts under the names that RapidRMF uses in `job_runs.metrics`. */
export function metricsOf(counts: RunCounts): Record<string, number> {
  return {
    systems: counts.systems,
    controls: counts.controls,
    results_saved: counts.results,
    errors: counts.errors,
    pass: counts.pass,
    fail: counts.fail,
    insufficient_evidence: counts.insufficientEvidence,
    unknown: counts.unknown,
  }
}
