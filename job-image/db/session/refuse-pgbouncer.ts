import type { Client } from 'pg'
import { InputError, asError } from '../../errors.ts'
import { connect, disconnect } from './client.ts'
import type { Target } from './client.ts'
import { isOutage } from './errors.ts'

const MARK = 'rapidrmf.session'

/** Timeout of opening the second session, in ms: the check must not fail a run. */
const CHECK_TIMEOUT = 5_000

/**
 * Refuses a proxy that shares sessions between transactions, because session settings and names are lost there. Two
 * sessions set a mark; if the first one reads the other mark or none, sessions are shared. The second session is opened
 * with `target` while `meanwhile` uses the first one. If the server has no room for it, it is most likely not a proxy:
 * the run continues with a warning.
 */
export async function refuseSharedSessions(
  client: Client,
  target: Target,
  meanwhile: () => Promise<void>,
  warn: (message: string) => void,
): Promise<void> {
  const retryFor = Math.min(CHECK_TIMEOUT, target.retryFor ?? CHECK_TIMEOUT)
  const second = connect({ ...target, retryFor, queryTimeout: CHECK_TIMEOUT }).catch(asError)
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
