import type { Client } from 'pg'
import { InputError } from '../errors.ts'

const MARK = 'rapidrmf.session'

/**
 * Refuses a proxy that shares sessions between transactions: what a session sets or is called there is worth nothing.
 * Two sessions mark themselves; where they turn out to be one, or the mark is gone, somebody deals them out anew.
 */
export async function refuseSharedSessions(client: Client, second: Client): Promise<void> {
  await client.query(`SET ${MARK} TO 'first'`)
  await second.query(`SET ${MARK} TO 'second'`)
  const { rows } = await client.query<{ mark: string | null }>(
    `SELECT current_setting('${MARK}', true) AS mark`,
  )
  if (rows[0]?.mark === 'first') return
  throw new InputError(
    'the database connection goes through a proxy that shares sessions between transactions (pgbouncer with pool_mode = transaction); connect directly or use pool_mode = session',
  )
}
