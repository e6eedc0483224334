import { escapeLiteral } from 'pg'
import type { Client, QueryResult } from 'pg'

/** The idle timeout of the server for a session inside a transaction; a PostgreSQL interval. */
export const IDLE_LIMIT = '60s'

/**
 * The settings of every session; they override those of the server, the database, the role and the URL. Settings that the
 * server's version does not have are omitted. Timeouts come first: they could end the statements that follow.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  // Timeouts of roles are meant for interactive queries: a batch may wait for a lock, and a lane for its next batch.
  ['statement_timeout', '0'],
  ['transaction_timeout', '0'],
  ['lock_timeout', '0'],
  ['idle_session_timeout', '0'],
  // Locks of a dead client are released: the server detects a vanished peer within about 30 s, and a client that hangs
  // inside a transaction after the idle timeout.
  ['idle_in_transaction_session_timeout', IDLE_LIMIT],
  ['tcp_keepalives_idle', '10'],
  ['tcp_keepalives_interval', '5'],
  ['tcp_keepalives_count', '4'],
  ['tcp_user_timeout', '30s'],
  // All sessions use the same text formats.
  ['client_encoding', 'UTF8'],
  ['datestyle', 'ISO, YMD'],
  ['timezone', 'UTC'],
  ['intervalstyle', 'iso_8601'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '1'],
  ['array_nulls', 'on'],
  ['quote_all_identifiers', 'off'],
  ['standard_conforming_strings', 'on'],
  // The locking of runs is designed for this isolation level.
  ['default_transaction_isolation', 'read committed'],
  // A policy that would omit rows raises an error.
  ['row_security', 'off'],
]

/** Facts about a session of the server, read when it was opened. */
export type ServerSession = {
  /** The server process. Read by SQL, because a pooler makes up the pid that the protocol reports. */
  readonly pid: number
  /** The start time of that process: together with `pid` it identifies a session of the server. */
  readonly startedAt: string
  /** True if the server or the role had synchronous_commit off: a commit could be lost after it was acknowledged. */
  readonly wasAsynchronous: boolean
  /** True if the server is a standby, which is read-only. */
  readonly isStandby: boolean
  /** True if a setting of the server, the database, the role or the URL makes every transaction read-only. */
  readonly isReadOnly: boolean
}

/**
 * Reads the facts. synchronous_commit is changed only if it is off: the other values differ in how they wait for standbys,
 * which the installation chooses.
 */
const FACTS = `
  SELECT pg_backend_pid() AS pid,
         (SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) AS "startedAt",
         pg_is_in_recovery() AS "isStandby", current_setting('default_transaction_read_only') = 'on' AS "isReadOnly",
         CASE WHEN current_setting('synchronous_commit') = 'off'
              THEN set_config('synchronous_commit', 'on', false) = 'on' ELSE false END AS "wasAsynchronous"`

/** Configures a new session, in one round trip. */
export async function configureSession(client: Client, applicationName: string): Promise<ServerSession> {
  const settings = [...SETTINGS, ['application_name', applicationName] as const]
  const statements = settings.map(([name, value]) => setting(name, value))
  // For several statements pg returns a list of results, contrary to its types.
  const answers = await client.query<ServerSession>([...statements, FACTS].join(';'))
  return (answers as unknown as QueryResult<ServerSession>[]).at(-1)!.rows[0]!
}

function setting(name: string, value: string): string {
  return `SELECT set_config('${name}', ${escapeLiteral(value)}, false) WHERE current_setting('${name}', true) IS NOT NULL`
}
