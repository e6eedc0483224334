import type { Client } from 'pg'
import { sleep } from '../../../common/clock.ts'
import { RunError } from '../../errors.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from '../session/errors.ts'

/**
 * Lock timeouts in ms. A waiting request for an exclusive lock blocks every later query of the table, so it is short and
 * is retried. It stays below PostgreSQL's deadlock_timeout (1 s), so that in a deadlock this session gives up first.
 */
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 500
const GROWTH = 1.2
/** Readers may have waited as long as the request; a pause of 12 to 18 times that keeps it below a tenth of the time. */
const PAUSE_FACTOR = 12
const PAUSE_JITTER = 0.5

export type LockRetries = {
  /** The tables whose locks are needed. */
  readonly tables: readonly string[]
  /** The time at which to give up, as `Date.now()` counts. */
  readonly deadline: number
  /** Called before each pause, with the blocking sessions. */
  readonly onProgress?: ((message: string) => void) | undefined
}

/** Retries `work`, which must be atomic, until it gets its locks. Throws a RunError after the deadline. */
export async function withLockRetries<T>(
  client: Client,
  retries: LockRetries,
  work: () => Promise<T>,
): Promise<T> {
  try {
    for (let retry = 0; ; retry += 1) {
      const wait = Math.min(FIRST_WAIT_MS * GROWTH ** retry, LONGEST_WAIT_MS)
      await client.query(`SET lock_timeout TO ${Math.round(wait)}`)
      const from = performance.now()
      const done = await unlessLocked(work)
      if (done !== undefined) return done.value
      await pause(client, performance.now() - from, retries)
    }
  } finally {
    await client.query('SET lock_timeout TO 0').catch(() => undefined)
  }
}

/** Executes `work`; returns undefined if another session holds a lock that it needs. */
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
  waited: number,
  { tables, deadline, onProgress }: LockRetries,
): Promise<void> {
  const holders = (await blockingSessions(client, tables)) || 'a session that has ended since'
  if (Date.now() > deadline) {
    throw new RunError(`the migration could not lock its tables in time; blocked by: ${holders}`)
  }
  onProgress?.(`waiting for table locks; blocked by: ${holders}`)
  await sleep(waited * PAUSE_FACTOR * (1 + PAUSE_JITTER * Math.random()))
}

/** The sessions of this database in a transaction, oldest first; with `tables`, only those with a lock on one of them. */
export async function blockingSessions(client: Client, tables?: readonly string[]): Promise<string> {
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
