import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { WrongServer } from './errors.ts'
import type { ServerSession } from './session-settings.ts'

const STANDBY =
  'the server is a standby, which can only be read: connect to its primary, or name every server in the URL (postgresql://HOST1,HOST2/DATABASE)'

/**
 * Refuses a session that cannot write. A standby may become the primary in a failover, so that error is transient. A
 * read-only setting is not overridden: roles for reading commands, and servers about to be replaced, are read-only on
 * purpose.
 */
export async function requireWritable(client: Client, session: ServerSession, where: string): Promise<void> {
  if (session.isStandby) throw new WrongServer(STANDBY)
  if (!session.isReadOnly) return
  const { rows } = await client.query<Found>(
    `SELECT quote_ident(session_user) AS role, quote_ident(current_database()) AS database, source
       FROM pg_settings WHERE name = 'default_transaction_read_only'`,
  )
  const found = rows[0]!
  const remedy = REMEDIES[found.source] ?? OF_THE_SERVER
  throw new InputError(
    `${where}: transactions of role ${found.role} are read-only (default_transaction_read_only is on): use a role that may write, or ${remedy(found)}`,
  )
}

type Found = { readonly role: string; readonly database: string; readonly source: string }
type Remedy = (found: Found) => string

const RESET = 'RESET default_transaction_read_only'
const OF_THE_SERVER: Remedy = () => `ALTER SYSTEM ${RESET} where the server's own configuration sets it`

/** What to do, by the source of the setting (PostgreSQL manual, "pg_settings"). */
const REMEDIES: Readonly<Record<string, Remedy>> = {
  user: ({ role }) => `ALTER ROLE ${role} ${RESET}`,
  database: ({ database }) => `ALTER DATABASE ${database} ${RESET}`,
  'database user': ({ role, database }) => `ALTER ROLE ${role} IN DATABASE ${database} ${RESET}`,
  client: () => 'remove it from the options of the URL (or PGOPTIONS)',
}
