import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { RunError } from '../../errors.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from '../session/errors.ts'

/**
 * A request for a table's exclusive lock holds up every later query of the table, so it is short and comes back. It
 * stays below PostgreSQL's deadlock_timeout (1 s), so that it gives way before anybody else is chosen to.
 */
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 500
const GROWTH = 1.2
/** Readers may have been held up for the whole turn; a pause of 12 to 18 turns keeps that below a tenth of the time. */
const PAUSE_FACTOR = 12
const PAUSE_JITTER = 0.5

export type LockTurns = {
  /** The tables whose locks are needed. */
  readonly tables: readonly string[]
  /** When to give up, as `Date.now()` counts. */
  readonly deadline: number
  /** Called before each pause, with the sessions that are in the way. */
  readonly onProgress?: ((message: string) => void) | undefined
}

/** Repeats `work`, which must leave nothing behind when it fails, until it gets its locks. RunError: not in time. */
export async function inLockTurns<T>(client: Client, turns: LockTurns, work: () => Promise<T>): Promise<T> {
  try {
    for (let turn = 0; ; turn += 1) {
      const wait = Math.min(FIRST_WAIT_MS * GROWTH ** turn, LONGEST_WAIT_MS)
      await client.query(`SET lock_timeout TO ${Math.round(wait)}`)
      const from = performance.now()
      const done = await unlessLocked(work)
      if (done !== undefined) return done.value
      await pause(client, performance.now() - from, turns)
    }
  } finally {
    await client.query('SET lock_timeout TO 0').catch(() => undefined)
  }
}

/** Undefined: another session has a lock that is needed. */
async function unlessLocked<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
  try {
    return { value: await work() }
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    return undefined
  }
}

async function pause(
  client: Client,
  turn: number,
  { tables, deadline, onProgress }: LockTurns,
): Promise<void> {
  const holders = (await sessionsInTheWay(client, tables)) || 'a session that has ended since'
  if (Date.now() > deadline) {
    throw new RunError(`the migration could not lock its tables in time; in the way: ${holders}`)
  }
  onProgress?.(`waiting for table locks; in the way: ${holders}`)
  await sleep(turn * PAUSE_FACTOR * (1 + PAUSE_JITTER * Math.random()))
}

/** Sessions of this database in a transaction, the oldest first; with `tables`, those that have a lock on one. */
export async function sessionsInTheWay(client: Client, tables?: readonly string[]): Promise<string> {
  const { rows } = await client.query<{ holder: string }>(
    `SELECT format('pid %s (%s, in a transaction since %s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'),
                   to_char(a.xact_start, 'HH24:MI:SS "UTC"')) AS holder
       FROM pg_stat_activity a
      WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND a.xact_start IS NOT NULL
        AND ($1::text[] IS NULL OR EXISTS (
              SELECT FROM pg_locks l JOIN unnest($1) AS t (name) ON l.relation = to_regclass(t.name)
               WHERE l.pid = a.pid AND l.granted))
      ORDER BY a.xact_start LIMIT 5`,
    [tables ?? null],
  )
  return rows.map(({ holder }) => holder).join('; ')
}
