import { escapeLiteral } from 'pg'
import type { Client, QueryResult } from 'pg'

/** How long the server waits for a client inside a transaction before it ends the session; a PostgreSQL interval. */
export const IDLE_LIMIT = '60s'

/**
 * What every session sets, whatever the server, the database, the role or the URL say. A setting that a server's version
 * does not have is left out. Limits come first: they could end the statements that follow.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  // Limits of roles are meant for people's queries: a batch may wait for a lock, and a lane for its next batch.
  ['statement_timeout', '0'],
  ['transaction_timeout', '0'],
  ['lock_timeout', '0'],
  ['idle_session_timeout', '0'],
  // Locks are given up when the client is gone: a peer that vanished is noticed within about 30 s, and a client that
  // hangs inside a transaction after the idle limit.
  ['idle_in_transaction_session_timeout', IDLE_LIMIT],
  ['tcp_keepalives_idle', '10'],
  ['tcp_keepalives_interval', '5'],
  ['tcp_keepalives_count', '4'],
  ['tcp_user_timeout', '30s'],
  // Every session reads and writes the same text.
  ['client_encoding', 'UTF8'],
  ['datestyle', 'ISO, YMD'],
  ['timezone', 'UTC'],
  ['intervalstyle', 'iso_8601'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '1'],
  ['array_nulls', 'on'],
  ['quote_all_identifiers', 'off'],
  ['standard_conforming_strings', 'on'],
  // The order of a run's locks is thought out for it.
  ['default_transaction_isolation', 'read committed'],
  // A policy that would leave rows out is an error.
  ['row_security', 'off'],
]

/** A session of the server as it was found when it was opened. */
export type ServerSession = {
  /** The server's process. Asked by SQL: what the protocol names at connect is a pooler's own invention. */
  readonly pid: number
  /** The time at which that process was started: together with `pid` it names one session of a server's life. */
  readonly startedAt: string
  /** True if the server or the role had synchronous_commit off: a commit could be lost after it was acknowledged. */
  readonly wasAsynchronous: boolean
  /** True if the server replays the log of another one, and can only be read. */
  readonly isStandby: boolean
  /** True if a setting of the server, the database, the role or the URL makes every transaction read-only. */
  readonly isReadOnly: boolean
}

/**
 * synchronous_commit is changed only where it is off. The other values differ in what they wait for on standbys, which
 * is the choice of the installation.
 */
const FACTS = `
  SELECT pg_backend_pid() AS pid,
         (SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) AS "startedAt",
         pg_is_in_recovery() AS "isStandby", current_setting('default_transaction_read_only') = 'on' AS "isReadOnly",
         CASE WHEN current_setting('synchronous_commit') = 'off'
              THEN set_config('synchronous_commit', 'on', false) = 'on' ELSE false END AS "wasAsynchronous"`

/** Makes a new connection a session of this program, in one round trip. */
export async function configureSession(client: Client, applicationName: string): Promise<ServerSession> {
  const settings = [...SETTINGS, ['application_name', applicationName] as const]
  const statements = settings.map(([name, value]) => setting(name, value))
  // Of several statements pg returns a list of results, whatever its types say.
  const answers = await client.query<ServerSession>([...statements, FACTS].join(';'))
  return (answers as unknown as QueryResult<ServerSession>[]).at(-1)!.rows[0]!
}

function setting(name: string, value: string): string {
  return `SELECT set_config('${name}', ${escapeLiteral(value)}, false) WHERE current_setting('${name}', true) IS NOT NULL`
}
