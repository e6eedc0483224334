import { DatabaseError } from 'pg'
import { InputError, RunError, asError } from '../../errors.ts'
import { ROW_SECURITY_REMEDY } from './row-security.ts'

// SQLSTATE classes and codes: PostgreSQL manual, appendix A.

/** The connection or the server is gone, or the server lacks a resource: the same work can succeed later. */
const TRANSIENT_CLASSES = new Set([
  '08', // connection exception
  '40', // serialization failure, deadlock
  '53', // insufficient resources: too many connections, disk full, out of memory
  '57', // operator intervention: shutdown, terminated backend, starting up
  '58', // system error outside PostgreSQL: I/O
])
const TRANSIENT_CODES = new Set([
  '25006', // read-only transaction: a standby answered in the middle of a failover
  '25P02', // the transaction was already aborted: the first error is the one that counts, and it rolled back
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
])
/** A cancelled statement is transient for the server, but an administrator requested it. */
const FINAL_CODES = new Set(['57014'])

const TRANSIENT_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND', // a service name that is not (yet) in the cluster's DNS
  'ENOENT', // a Unix socket that is not there (yet)
])

/** An error of one row: its value cannot be read, cast or stored, or violates a constraint. Other rows may be valid. */
const DATA_CLASSES = new Set([
  '21', // a subquery (of a view) that finds more than one row
  '22', // data exception
  '23', // integrity constraint
  '44', // a view's WITH CHECK OPTION
  '54', // too large for an index or a column
  'P0', // raised by a trigger or a function
  'XX', // internal: corrupted data
])

const STORED_VALUE = 'a stored value cannot be read or kept as it is: correct the row that holds it'

const OTHER_SHAPE =
  'the tables are not as rapidrmf needs them: "rapidrmf db status" lists every difference, docs/tables.md what is needed'

/** Remedies for errors that a retry cannot correct; key: SQLSTATE, or its class. */
const REMEDIES: Record<string, string> = {
  '22': STORED_VALUE,
  '54': STORED_VALUE,
  '25006': 'connect to the primary, with a role whose transactions are not read-only',
  '28P01': 'check user and password of the database URL',
  '28000': 'check user, database and TLS mode of the database URL (pg_hba.conf refuses this combination)',
  '28': 'check user, database and TLS mode of the database URL',
  '3D000': 'check the database name of the URL, or create the database',
  '42703': OTHER_SHAPE, // undefined column
  '42P01': OTHER_SHAPE, // undefined table
  '42804': OTHER_SHAPE, // datatype mismatch
  '42883': OTHER_SHAPE, // undefined function: an operator that this type of column does not have
  '42501': 'grant the missing privilege to this role (see "Database roles" in docs/guide.md)',
}

/** States of a connection that is refused because of a setting. During connecting they mean nothing else. */
const SETTING_STATES = new Set([
  '22023', // a value that the setting cannot have
  '42601', // not a setting
  '42704', // an unknown one
  '55P02', // one that only the server's start can change
])

/** pgbouncer's error for a parameter that it does not support; it has the state of any protocol error. */
const UNSUPPORTED_PARAMETER = /^unsupported startup parameter/

/** The error of a session that could not be opened; with its remedy if a setting of the connection caused it. */
export function whileConnecting(thrown: unknown, where: string): Error {
  const error = asError(thrown)
  const state = sqlState(error) ?? ''
  if (!SETTING_STATES.has(state) && !UNSUPPORTED_PARAMETER.test(error.message)) return error
  const remedy = 'correct the options in the URL (or PGOPTIONS), or set them for the role (ALTER ROLE … SET)'
  return new InputError(`${where}: ${error.message}; ${remedy}`, { cause: thrown })
}

const TOO_MANY_CONNECTIONS = '53300'

/** The state after lock_timeout, which the caller that set it handles. */
export const LOCK_NOT_AVAILABLE = '55P03'

export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined
}

/** True if the same work may succeed on a new connection a little later. */
export function isTransient(thrown: unknown): boolean {
  const state = sqlState(thrown)
  if (state !== undefined) {
    return !FINAL_CODES.has(state) && (TRANSIENT_CODES.has(state) || TRANSIENT_CLASSES.has(state.slice(0, 2)))
  }
  const error = asError(thrown) as NodeJS.ErrnoException
  if (error instanceof AggregateError) return error.errors.some(isTransient)
  if (error instanceof ConnectionLost || error instanceof WrongServer) return true
  return TRANSIENT_SYSTEM_CODES.has(error.code ?? '')
}

/** A text that no column can store. It is detected before the server would refuse the whole statement. */
export class UnstorableText extends Error {
  override readonly name = 'UnstorableText'
}

/** True if single rows cause the error: halving the batch finds them. */
export function isDataError(thrown: unknown): boolean {
  if (thrown instanceof UnstorableText) return true
  const state = sqlState(thrown)
  return state !== undefined && DATA_CLASSES.has(state.slice(0, 2))
}

/** No connection could be established within the caller's limit. */
export class UnreachableError extends RunError {}

/** True if work failed because the database was unreachable, or had no free connection, for too long. */
export function isOutage(thrown: unknown): boolean {
  return thrown instanceof UnreachableError || isTransient(thrown)
}

/** True if the server refuses another session; open ones are not affected. */
export function isShortOfConnections(thrown: unknown): boolean {
  return sqlState(thrown) === TOO_MANY_CONNECTIONS
}

/** The session ended unexpectedly. pg reports some of these as plain Errors without a code; `lostConnection` wraps them. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** A server does not have the requested role, as the old primary after a failover; another server may have it. */
export class WrongServer extends Error {
  override readonly name = 'WrongServer'
}

const NO_TLS = /does not support SSL connections/

/** True if TLS was requested and the server has none. pg gives this error no code. */
export function isUnencryptedOnly(thrown: unknown): boolean {
  return NO_TLS.test(asError(thrown).message)
}

const UNTRUSTED =
  "the server's certificate is not trusted: name its authority with sslrootcert=FILE in the URL"

/** Remedies for Node's TLS errors; key: their code. */
const TLS_REMEDIES: Record<string, string> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: "renew the server's certificate",
  CERT_NOT_YET_VALID: "correct the clock of this machine, or the server's certificate",
  ERR_TLS_CERT_ALTNAME_INVALID: 'connect by a host name that the certificate is for',
}

/** Remedies for errors to which pg gives no code. */
const UNCODED_REMEDIES: readonly (readonly [message: RegExp, remedy: string])[] = [
  [NO_TLS, 'change sslmode in the URL (disable sends everything unencrypted), or enable TLS on the server'],
  [/client password must be a/, 'add the password to the URL: the server asks for one'],
]

/** The routine of PostgreSQL that raises the error: its SQLSTATE is that of any missing privilege, its text is translated. */
const ROW_SECURITY_ROUTINE = 'check_enable_rls'

function remedyOf(thrown: unknown): string | undefined {
  const state = sqlState(thrown)
  if (thrown instanceof DatabaseError && thrown.routine === ROW_SECURITY_ROUTINE) return ROW_SECURITY_REMEDY
  if (state !== undefined) return REMEDIES[state] ?? REMEDIES[state.slice(0, 2)]
  const { code = '', message } = asError(thrown) as NodeJS.ErrnoException
  return TLS_REMEDIES[code] ?? UNCODED_REMEDIES.find(([pattern]) => pattern.test(message))?.[1]
}

/** Turns an error that a user must correct (wrong password, missing privilege, bad data) into an InputError with its remedy. */
export function withRemedy(thrown: unknown, where: string): Error {
  const error = asError(thrown)
  const remedy = error instanceof InputError ? undefined : remedyOf(error)
  return remedy === undefined
    ? error
    : new InputError(`${where}: ${error.message}; ${remedy}`, { cause: thrown })
}

/** The error for a message: with its remedy if there is one, and with the name of its database. */
export function namingDatabase(thrown: unknown, where: string): Error {
  const error = withRemedy(thrown, where)
  const isOfDatabase = error instanceof DatabaseError || error instanceof ConnectionLost
  if (isOfDatabase && !error.message.startsWith(where)) error.message = `${where}: ${error.message}`
  return error
}

/** The constraint or index that refused a row. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.constraint : undefined
}
