import { DatabaseError } from 'pg'
import { InputError, RunError, asError } from '../../errors.ts'
import { ROW_SECURITY_REMEDY } from './row-security.ts'

// SQLSTATE classes and codes: PostgreSQL manual, appendix A.

/** The connection or the server went away, or the server is short of something: the same work can succeed later. */
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
/** A cancelled statement is transient for the server, but here somebody asked for it. */
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

/** One row's fault: the value cannot be read, cast or stored, or a constraint refuses it. Other rows are fine. */
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

/** What only a person can mend; key: SQLSTATE, or its class. */
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

/** A session was refused for a setting that came with it. While it opens, the same states mean nothing else. */
const SETTING_STATES = new Set([
  '22023', // a value that the setting cannot have
  '42601', // no setting at all
  '42704', // an unknown one
  '55P02', // one that only the server's start can change
])

/** pgbouncer's refusal of a parameter that it does not pass on; its state is that of any error of the protocol. */
const UNSUPPORTED_PARAMETER = /^unsupported startup parameter/

/** The error of a session that did not open; with its remedy where the settings of the connection are at fault. */
export function whileConnecting(thrown: unknown, where: string): Error {
  const error = asError(thrown)
  const state = sqlState(error) ?? ''
  if (!SETTING_STATES.has(state) && !UNSUPPORTED_PARAMETER.test(error.message)) return error
  const remedy = 'correct the options in the URL (or PGOPTIONS), or set them for the role (ALTER ROLE … SET)'
  return new InputError(`${where}: ${error.message}; ${remedy}`, { cause: thrown })
}

const TOO_MANY_CONNECTIONS = '53300'

/** lock_timeout: the caller that set it knows what to do. */
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

/** A text that no column can hold: found before the server refuses it, and with it all that comes by the same statement. */
export class UnstorableText extends Error {
  override readonly name = 'UnstorableText'
}

/** True if single rows are at fault: halving the batch finds them. */
export function isDataError(thrown: unknown): boolean {
  if (thrown instanceof UnstorableText) return true
  const state = sqlState(thrown)
  return state !== undefined && DATA_CLASSES.has(state.slice(0, 2))
}

/** No connection could be had for as long as the caller was ready to wait. */
export class UnreachableError extends RunError {}

/** True if work failed because the database was away, or short of connections, for too long. */
export function isOutage(thrown: unknown): boolean {
  return thrown instanceof UnreachableError || isTransient(thrown)
}

/** True if the server has no room for one more session: those that are open go on. */
export function isShortOfConnections(thrown: unknown): boolean {
  return sqlState(thrown) === TOO_MANY_CONNECTIONS
}

/** The session ended under us. pg reports some of these as plain Errors without a code; the client wraps them. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** A server is not the one that the URL asks for, as the old primary after a failover; another one may be. */
export class WrongServer extends Error {
  override readonly name = 'WrongServer'
}

const NO_TLS = /does not support SSL connections/

/** True if the server was asked for TLS and has none. pg gives this error no code. */
export function isUnencryptedOnly(thrown: unknown): boolean {
  return NO_TLS.test(asError(thrown).message)
}

const UNTRUSTED =
  "the server's certificate is not trusted: name its authority with sslrootcert=FILE in the URL"

/** Codes of Node's TLS for a connection that cannot be trusted as it is configured. */
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

/** Refusals to which pg gives no code. */
const UNCODED_REMEDIES: readonly (readonly [message: RegExp, remedy: string])[] = [
  [NO_TLS, 'change sslmode in the URL (disable sends everything unencrypted), or enable TLS on the server'],
  [/client password must be a/, 'add the password to the URL: the server asks for one'],
]

/** Where PostgreSQL's source raises it: the SQLSTATE is that of any missing privilege, the text is translated. */
const ROW_SECURITY_ROUTINE = 'check_enable_rls'

function remedyOf(thrown: unknown): string | undefined {
  const state = sqlState(thrown)
  if (thrown instanceof DatabaseError && thrown.routine === ROW_SECURITY_ROUTINE) return ROW_SECURITY_REMEDY
  if (state !== undefined) return REMEDIES[state] ?? REMEDIES[state.slice(0, 2)]
  const { code = '', message } = asError(thrown) as NodeJS.ErrnoException
  return TLS_REMEDIES[code] ?? UNCODED_REMEDIES.find(([pattern]) => pattern.test(message))?.[1]
}

/** A refusal that needs a person (wrong password, missing privilege, bad data) becomes an InputError with its remedy. */
export function withRemedy(thrown: unknown, where: string): Error {
  const error = asError(thrown)
  const remedy = error instanceof InputError ? undefined : remedyOf(error)
  return remedy === undefined
    ? error
    : new InputError(`${where}: ${error.message}; ${remedy}`, { cause: thrown })
}

/** An error on its way to a person: with its remedy if there is one, and with the database that it comes from. */
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
