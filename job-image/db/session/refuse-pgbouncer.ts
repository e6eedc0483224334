import type { Client } from 'pg'
import { InputError, asError } from '../../errors.ts'
import { connect, disconnect } from './client.ts'
import type { Target } from './client.ts'
import { isOutage } from './errors.ts'

const MARK = 'rapidrmf.session'

/** How long a second session is waited for, in ms: the check is worth a little patience, and no run. */
const PATIENCE = 5_000

/**
 * Refuses a proxy that shares sessions between transactions: what a session sets or is called there is worth nothing.
 * Two sessions mark themselves; where they turn out to be one, or the mark is gone, somebody deals them out anew.
 * The second one is `target`'s, opened beside `meanwhile`, what else there is to ask the first one. A server that has no
 * room for it is most likely no proxy, so the run goes on, and `warn` hears of it.
 */
export async function refuseSharedSessions(
  client: Client,
  target: Target,
  meanwhile: () => Promise<void>,
  warn: (message: string) => void,
): Promise<void> {
  const patience = Math.min(PATIENCE, target.retryFor ?? PATIENCE)
  const second = connect({ ...target, retryFor: patience, queryTimeout: PATIENCE }).catch(asError)
  try {
    await meanwhile()
    const other = await second
    if (!(other instanceof Error)) await compareSessions(client, other)
    else if (isOutage(other))
      warn(`whether a proxy shares database sessions could not be checked: ${other.message}`)
    else throw other
  } finally {
    const other = await second
    if (!(other instanceof Error)) await disconnect(other)
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
