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
  /** When it is tried next; null: nothing more happens to it. */
  readonly next_try_at: string | null
  readonly sent_at: string | null
  readonly cancelled_at: string | null
  readonly last_error: string | null
}

const COLUMNS = `event_id, job_run_id, environment, sink, trigger, created_at, attempts, next_try_at, sent_at,
  cancelled_at, last_error`

/** A sink as the outbox knows it: by its name, and for which environments. */
export type SinkRef = { readonly name: string; readonly environments: readonly string[] }

export type NewNotice = {
  readonly sink: string
  /** How long it waits, in ms. */
  readonly grace: number
  readonly notice: Notice
}

/** Part of the transaction that ends the run. */
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
  // One that was there already is no loss.
  const { rows } = await client.query('SELECT FROM notification_outbox WHERE event_id = ANY ($1)', [
    notices.map(({ notice }) => notice.id),
  ])
  if (rows.length === notices.length) return
  throw await droppedRows(client, 'notification_outbox', `the notices of the end of run ${run.id}`)
}

/** Sinks that were told that this very run had failed, before it was opened again. */
export async function sinksNotifiedOfFailure(client: Client, run: JobRun): Promise<string[]> {
  const { rows } = await client.query<{ sink: string }>(
    `SELECT DISTINCT sink FROM notification_outbox
      WHERE job_run_id = $1 AND finished_at < $2 AND sent_at IS NOT NULL`,
    [run.id, run.finished_at],
  )
  return rows.map(({ sink }) => sink)
}

/**
 * Takes back what is not true any more, because its run was opened again. What is being sent at this moment (its row is
 * locked) cannot be taken back, and is not waited for.
 */
export async function cancelNotices(client: Client, run: RunRef): Promise<void> {
  await client.query(
    `UPDATE notification_outbox SET cancelled_at = ${UTC_NOW}, next_try_at = NULL
      WHERE id IN (SELECT id FROM notification_outbox
                    WHERE ${OF_RUN} AND next_try_at IS NOT NULL FOR UPDATE SKIP LOCKED)`,
    runParameters(run),
  )
}

/** The end that a notice tells of still stands. */
const STANDS = `EXISTS (SELECT FROM job_runs r WHERE r.id = o.job_run_id AND r.finished_at = o.finished_at)`

/** $1 and $2: pairs of a sink and an environment. */
const FOR_SINKS = `EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS a (sink, environment)
                            WHERE a.sink = o.sink AND a.environment = o.environment)`

function pairs(sinks: readonly SinkRef[]): [names: string[], environments: string[]] {
  const all = sinks.flatMap(({ name, environments }) => environments.map((each) => [name, each] as const))
  return [all.map(([name]) => name), all.map(([, environment]) => environment)]
}

/** Names of those of these sinks that something is to be sent to now. */
export async function sinksWithDueNotices(client: Client, sinks: readonly SinkRef[]): Promise<Set<string>> {
  const { rows } = await client.query<{ sink: string }>(
    `SELECT DISTINCT o.sink FROM notification_outbox o
      WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} AND ${STANDS}`,
    pairs(sinks),
  )
  return new Set(rows.map(({ sink }) => sink))
}

/** A notice that only this transaction has. */
export type ClaimedNotice = { readonly id: string; readonly attempts: number; readonly payload: Notice }

/**
 * The notice for the sink that has been due for longest, locked until the transaction ends: a sender that dies gives it
 * back with its connection. Undefined: nothing is due that no other sender has.
 */
export async function claimNotice(client: Client, sink: SinkRef): Promise<ClaimedNotice | undefined> {
  const { rows } = await client.query<ClaimedNotice>(
    `SELECT o.id, o.attempts, o.payload FROM notification_outbox o
      WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} AND ${STANDS}
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

/** `delay`: until the next try, in ms; null: there is none. */
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

/** Says why what is due cannot even be tried here. It stays due: another process may be able to. */
export async function markBlocked(client: Client, sink: SinkRef, error: string): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE notification_outbox SET last_error = $3
      WHERE id IN (SELECT o.id FROM notification_outbox o
                    WHERE o.next_try_at <= ${UTC_NOW} AND ${FOR_SINKS} FOR UPDATE SKIP LOCKED)`,
    [...pairs([sink]), error],
  )
  return rowCount ?? 0
}

/** Makes due what waits after a failed try, and what was given up; not what has not been tried yet. */
export async function retryNow(client: Client, sinks: readonly SinkRef[]): Promise<void> {
  await client.query(
    `UPDATE notification_outbox SET next_try_at = ${UTC_NOW}
      WHERE id IN (SELECT o.id FROM notification_outbox o
                    WHERE o.sent_at IS NULL AND o.cancelled_at IS NULL AND o.attempts > 0
                      AND ${FOR_SINKS} AND ${STANDS} FOR UPDATE SKIP LOCKED)`,
    pairs(sinks),
  )
}

/** What can become of a notice; `failed`: given up. */
export type NoticeState = 'pending' | 'sent' | 'failed' | 'cancelled'

const STATE = `CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                    WHEN next_try_at IS NULL THEN 'failed' ELSE 'pending' END`

export type ListedNotice = StoredNotice & { readonly state: NoticeState }

export type NoticeFilter = {
  readonly environment?: string
  readonly sink?: string
  readonly state?: NoticeState
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
