import type { Client } from 'pg'
import { sleep } from '../../../common/clock.ts'

/** The key of an advisory lock, an arbitrary number. Advisory locks are per database. */
const MIGRATION_LOCK = '7241865325823965'
const POLL_MS = 200
const POLLS_PER_MESSAGE = 50

/**
 * Executes `work` while holding the database's migration lock; the server releases the lock of a session that ends.
 * Waiting sessions poll and hold nothing meanwhile: one that waited inside a statement would have a snapshot, and a
 * concurrent index build waits for the end of snapshots, which is a deadlock.
 */
export async function withMigrationLock<T>(
  client: Client,
  onProgress: ((message: string) => void) | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let poll = 0; !(await tryLock(client)); poll += 1) {
    if (poll % POLLS_PER_MESSAGE === 0) onProgress?.('waiting for another migration of this database')
    await sleep(POLL_MS * (1 + Math.random()))
  }
  try {
    return await work()
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`).catch(() => undefined)
  }
}

async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    `SELECT pg_try_advisory_lock(${MIGRATION_LOCK}) AS taken`,
  )
  return rows[0]?.taken === true
}
