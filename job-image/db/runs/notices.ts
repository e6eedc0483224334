import type { Client } from 'pg'
import type { Notice } from '../../notify/notice.ts'
import type { Trigger } from '../../notify/sink.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { UTC_NOW } from './job-runs.ts'
import type { JobRun } from './job-runs.ts'
import { OF_RUN, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** A row of `notification_outbox`. Timestamps are PostgreSQL's text, UTC. */
export type StoredNotice = {
  readonly event_id: string
  readonly job_run_id: number
  readonly environment: string
  readonly sink: string
  readonly trigger: Trigger
  readonly created_at: string
  readonly attempts: number
  /** The time of the next try; null if there will be none. */
  readonly next_try_at: string | null
  readonly sent_at: string | null
  readonly cancelled_at: string | null
  readonly last_error: string | null
}

const COLUMNS = `event_id, job_run_id, environment, sink, trigger, created_at, attempts, next_try_at, sent_at,
  cancelled_at, last_error`

/** A sink as the outbox identifies it: its name and its environments. */
export type SinkRef = { readonly name: string; readonly environments: readonly string[] }

export type NewNotice = {
  readonly sink: string
  /** The delay before the first try, in ms. */
  readonly grace: number
  readonly notice: Notice
}

/** Writes notices to the outbox, in the transaction that ends the run. */
export async function insertNotices(
  client: Client,
  run: JobRun,
  notices: readonly NewNotice[],
): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO notification_outbox
       (event_id, job_run_id, environment, finished_at, sink, trigger, payload, created_at, next_try_at)
     SELECT n.id, $1, $2, $3, n.sink, n.trigger, n.payload::json, t.now, t.now + n.grace * interval '1 ms'
       FROM (SELECT ${UTC_NOW} AS now) t,
            unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::float8[])
              AS n (id, sink, trigger, payload, grace)
     ON CONFLICT (event_id) DO NOTHING`,
    [
      run.id,
      run.environment,
      run.finished_at,
      notices.map(({ notice }) => notice.id),
      notices.map(({ sink }) => sink),
      notices.map(({ notice }) => notice.trigger),
      notices.map(({ notice }) => JSON.stringify(notice)),
      notices.map(({ grace }) => grace),
    ],
  )
  if (rowCount === notices.length) return
  // A conflict is not an error: the notice is already stored.
  const { rows } = await client.query('SELECT FROM notification_outbox WHERE event_id = ANY ($1)', [
    notices.map(({ notice }) => notice.id),
  ])
  if (rows.length === notices.length) return
  throw await droppedRows(client, 'notification_outbox', `the notices of the end of run ${run.id}`)
}

/** The sinks that were notified of the failure of this run before it was reopened. */
export async function sinksNotifiedOfFailure(client: Client, run: JobRun): Promise<string[]> {
  const { rows } = await client.query<{ sink: string }>(
    `SELECT DISTINCT sink FROM notification_outbox
      WHERE job_run_id = $1 AND finished_at < $2 AND sent_at IS NOT NULL`,
    [run.id, run.finished_at],
  )
  return rows.map(({ sink }) => sink)
}

/**
 * Cancels the pending notices of a run that was reopened. A notice that is being sent (its row is locked) cannot be
 * cancelled and is skipped.
 */
export async function cancelNotices(client: Client, run: RunRef): Promise<void> {
  await client.query(
    `UPDATE notification_outbox SET cancelled_at = ${UTC_NOW}, next_try_at = NULL
      WHERE id IN (SELECT id FROM notification_outbox
                    WHERE ${OF_RUN} AND next_try_at IS NOT NULL FOR UPDATE SKIP LOCKED)`,
    runParameters(run),
  )
}

/** SQL condition: the end of the run that a notice `o` reports is still its current end. */
const IS_CURRENT = `EXISTS (SELECT FROM job_runs r WHERE r.id = o.job_run_id AND r.finished_at = o.finished_at)`

/** SQL condition: a notice `o` is for one of the pairs of a sink ($1) and an environment ($2). */
const FOR_SINKS = `EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS a (sink, environment)
                            WHERE a.sink = o.sink AND a.environment = o.environment)`

function pairs(sinks: readonly SinkRef[]): [names: string[], environments: string[]] {
  const all = sinks.flatMap(({ name, environments }) => environments.map((each) => [name, each] as const))
  return [all.map(([name]) => name), all.map(([, environment]) => environment)]
}

/** Names of those of these sinks that have due notices. */
export async function sinksWithDueNotices(client: Client, sinks: readonly SinkRef[]): Promise<Set<string>> {
  const { rows } = await client.query<{ sink: string }>(
    `SELECT DISTINCT o.sink FROM notification_outbox o
      WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} AND ${IS_CURRENT}`,
    pairs(sinks),
  )
  return new Set(rows.map(({ sink }) => sink))
}

/** A notice whose row this transaction has locked. */
export type ClaimedNotice = { readonly id: string; readonly attempts: number; readonly payload: Notice }

/**
 * Locks the notice that has been due for the longest time for the sink, until the transaction ends: if the sender dies,
 * its connection ends and releases it. Returns undefined if no unlocked notice is due.
 */
export async function claimNotice(client: Client, sink: SinkRef): Promise<ClaimedNotice | undefined> {
  const { rows } = await client.query<ClaimedNotice>(
    `SELECT o.id, o.attempts, o.payload FROM notification_outbox o
      WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} AND ${IS_CURRENT}
      ORDER BY o.next_try_at, o.id LIMIT 1 FOR UPDATE OF o SKIP LOCKED`,
    pairs([sink]),
  )
  return rows[0]
}

export async function markSent(client: Client, id: string): Promise<void> {
  await client.query(
    `UPDATE notification_outbox
        SET sent_at = ${UTC_NOW}, attempts = attempts + 1, next_try_at = NULL, last_error = NULL
      WHERE id = $1`,
    [id],
  )
}

/** Records a failed try. `delay` is the time until the next one, in ms; null gives up. */
export async function markFailed(
  client: Client,
  id: string,
  error: string,
  delay: number | null,
): Promise<void> {
  await client.query(
    `UPDATE notification_outbox
        SET attempts = attempts + 1, last_error = $2, next_try_at = ${UTC_NOW} + $3 * interval '1 ms'
      WHERE id = $1`,
    [id, error, delay],
  )
}

/** Records why this process cannot send the due notices of a sink. They stay due: another process may be able to. */
export async function markBlocked(client: Client, sink: SinkRef, error: string): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE notification_outbox SET last_error = $3
      WHERE id IN (SELECT o.id FROM notification_outbox o
                    WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} FOR UPDATE SKIP LOCKED)`,
    [...pairs([sink]), error],
  )
  return rowCount ?? 0
}

/** Makes notices due that wait after a failed try or were given up; untried ones keep their time. */
export async function retryNow(client: Client, sinks: readonly SinkRef[]): Promise<void> {
  await client.query(
    `UPDATE notification_outbox SET next_try_at = ${UTC_NOW}
      WHERE id IN (SELECT o.id FROM notification_outbox o
                    WHERE o.sent_at IS NULL AND o.cancelled_at IS NULL AND o.attempts > 0
                      AND ${FOR_SINKS} AND ${IS_CURRENT} FOR UPDATE SKIP LOCKED)`,
    pairs(sinks),
  )
}

/** The state of a notice; `failed` means given up. */
export type NoticeState = 'pending' | 'sent' | 'failed' | 'cancelled'

const STATE = `CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                    WHEN next_try_at IS NULL THEN 'failed' ELSE 'pending' END`

export type ListedNotice = StoredNotice & { readonly state: NoticeState }

export type NoticeFilter = {
  readonly environment?: string | undefined
  readonly sink?: string | undefined
  readonly state?: NoticeState | undefined
  readonly limit: number
}

/** The newest first; the filters apply before the limit. */
export async function listNotices(client: Client, filter: NoticeFilter): Promise<ListedNotice[]> {
  const { rows } = await client.query<ListedNotice>(
    `SELECT ${COLUMNS}, ${STATE} AS state FROM notification_outbox
      WHERE ($1::text IS NULL OR environment = $1) AND ($2::text IS NULL OR sink = $2)
        AND ($3::text IS NULL OR ${STATE} = $3)
      ORDER BY id DESC LIMIT $4`,
    [filter.environment ?? null, filter.sink ?? null, filter.state ?? null, filter.limit],
  )
  return rows
}
