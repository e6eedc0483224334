import type { Client } from 'pg'
import { InputError } from '../errors.ts'
import { connect, disconnect } from './client.ts'
import type { Target } from './client.ts'

const MARK = 'rapidrmf.session'

/**
 * Refuses a proxy that shares sessions between transactions: what a session sets or is called there is worth nothing.
 * Two sessions mark themselves; where they turn out to be one, or the mark is gone, somebody deals them out anew.
 * The second one is `target`'s, opened beside `meanwhile`, what else there is to ask the first one.
 */
export async function refuseSharedSessions(
  client: Client,
  target: Target,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const second = connect({ ...target, retryFor: 0 })
  second.catch(() => undefined)
  try {
    await meanwhile()
    await compareSessions(client, await second)
  } finally {
    await second.then(disconnect, () => undefined)
  }
}

async function compareSessions(client: Client, second: Client): Promise<void> {
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
