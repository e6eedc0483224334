import { InputError } from '../../errors.ts'
import type { Problem } from '../../errors.ts'

/** A server of a database URL. */
export type Host = {
  /** A name, an address, or the directory of a Unix socket; empty: PGHOST or localhost. */
  readonly name: string
  /** Empty: PGPORT or 5432. */
  readonly port: string
}

/** The parts of a database URL; user, password and path are percent-encoded. */
export type DatabaseAddress = {
  readonly user: string
  readonly password: string
  /** One or more, in the order of connecting. */
  readonly hosts: readonly Host[]
  /** `/DATABASE`, or empty. */
  readonly path: string
  readonly parameters: URLSearchParams
}

/**
 * The supported parameters, besides those that become a part of the address. All others are dropped: they belong to other
 * drivers (`prepared_statement_cache_size`), or would override settings that the program needs (`application_name`,
 * `statement_timeout`, `query_timeout`).
 */
const PARAMETERS = new Set([
  'user',
  'password',
  'options',
  'target_session_attrs',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
])

/** The values that libpq accepts (PostgreSQL manual, "Parameter Key Words"). */
const VALUES: Record<string, readonly string[]> = {
  sslmode: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'],
  target_session_attrs: ['any', 'read-write', 'read-only', 'primary', 'standby'],
}

/** The names of SQLAlchemy and pg for modes of libpq, whose `require` does not verify the certificate. */
const SSL_MODES: Record<string, string> = { true: 'require', false: 'disable', 'no-verify': 'require' }

/**
 * Normalizes a database URL to a form that `new URL` can parse: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with the
 * percent-encoded directory as the host of a Unix socket. Several hosts are in libpq's parameters `host` and `port`; the
 * first one is also in the address. SQLAlchemy's `postgresql+asyncpg://` and its `ssl=MODE` are accepted.
 * Throws an InputError that names `source`, or has its problem; it never quotes the URL.
 */
export function parseDatabaseUrl(text: string, source: string | ((message: string) => Problem)): string {
  try {
    return formatDatabaseUrl(readDatabaseUrl(text))
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error
    const { message } = error
    throw new InputError(typeof source === 'string' ? `${source}: ${message}` : source(message))
  }
}

class UrlProblem extends Error {
  override readonly name = 'UrlProblem'
}

const EXPECTED =
  'expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with HOST1:PORT1,HOST2:PORT2 for several servers and ?host=/DIRECTORY for a Unix socket'
const NOT_A_URL = `not a PostgreSQL URL; ${EXPECTED} (special characters in user and password percent-encoded: / is %2F, @ is %40)`
const NO_HOST = `names no host; ${EXPECTED}`
const UNENCODED =
  'special characters in user, password or database must be percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)'

type Part = 'login' | 'servers' | 'path' | 'query' | 'rest'

/** Each part with its mark (`@`, `/`, `?`, `#`), or empty. */
const SHAPE =
  /^postgres(?:ql)?(?:\+\w+)?:\/\/(?<login>(?:[^/?#]*@)?)(?<servers>[^/?#]*)(?<path>(?:\/[^?#]*)?)(?<query>(?:\?[^#]*)?)(?<rest>(?:#.*)?)$/s

/** Splits a URL into its parts. Throws a UrlProblem, whose message never quotes the URL. */
export function readDatabaseUrl(text: string): DatabaseAddress {
  const parts = SHAPE.exec(text.trim())?.groups as Record<Part, string> | undefined
  if (parts === undefined) throw new UrlProblem(NOT_A_URL)
  requireEncoded(parts)
  const { login, servers, path, query } = parts
  const [user = '', ...password] = login.slice(0, -1).split(':')
  const given = new URLSearchParams(query)
  const hosts = hostsOf(servers, given)
  if (login !== '' && hosts.some(({ name }) => name === '')) throw new UrlProblem(NO_HOST)
  return {
    user,
    password: password.join(':'),
    hosts,
    path: path.length > 1 ? path : encodeDatabase(given.get('dbname')),
    parameters: parametersOf(given),
  }
}

/**
 * Refuses unencoded special characters. A raw `/`, `?` or `#` in the password ends the host too early: a part of the
 * password would be shown as the host and connected to. A raw `%` cannot be decoded later.
 */
function requireEncoded({ login, servers, path, query, rest }: Record<Part, string>): void {
  const endsEarly = rest !== '' || (login === '' && `${path}${query}`.includes('@'))
  if (endsEarly || ![login, servers, path].every(isEncoded)) throw new UrlProblem(UNENCODED)
}

function encodeDatabase(name: string | null): string {
  return name === null ? '' : `/${encodeURIComponent(name)}`
}

function parametersOf(given: URLSearchParams): URLSearchParams {
  const parameters = new URLSearchParams([...given].filter(([name]) => PARAMETERS.has(name)))
  const mode = given.get('sslmode') ?? given.get('ssl')
  if (mode !== null) parameters.set('sslmode', SSL_MODES[mode] ?? mode)
  for (const [name, values] of Object.entries(VALUES)) {
    const value = parameters.get(name)
    if (value !== null && !values.includes(value))
      throw new UrlProblem(`${name} must be one of ${values.join(', ')}`)
  }
  return parameters
}

/** One of `HOST`, `HOST:PORT`, `[ADDRESS]`, `[ADDRESS]:PORT`. */
const SERVER = /^(?<name>\[[^[\]]*\]|[^:[\]]*)(?::(?<port>\d*))?$/

/** Applies libpq's rules: parameters override the address before the path, and one port applies to every host. */
function hostsOf(servers: string, parameters: URLSearchParams): readonly Host[] {
  const listed = servers.split(',').map(splitServer)
  const names = parameters.get('host')?.split(',') ?? listed.map(({ name }) => name)
  const ports = parameters.get('port')?.split(',') ?? listed.map(({ port }) => port)
  if (ports.length !== 1 && ports.length !== names.length) {
    throw new UrlProblem(
      `names ${names.length} hosts and ${ports.length} ports; give one port, or one for each host`,
    )
  }
  const hosts = names.map((name, index) => ({
    name: name.replace(/^\[(.*)\]$/, '$1'),
    port: (ports.length === 1 ? ports[0] : ports[index]) ?? '',
  }))
  if (hosts.length > 1 && hosts.some(({ name }) => name === ''))
    throw new UrlProblem('a host of the list is empty')
  if (!hosts.every(isHost)) throw new UrlProblem(NOT_A_URL)
  return hosts
}

function splitServer(text: string): Host {
  const parts = SERVER.exec(text)?.groups
  if (parts === undefined) throw new UrlProblem(NOT_A_URL)
  const { name = '', port = '' } = parts
  return { name: decodeURIComponent(name), port }
}

function isHost(host: Host): boolean {
  return /^\d{0,5}$/.test(host.port) && URL.canParse(`postgresql://${encodeHost(host)}/`)
}

function encodeHost({ name, port }: Host): string {
  const host = name.startsWith('/') ? encodeURIComponent(name) : name.includes(':') ? `[${name}]` : name
  return port === '' ? host : `${host}:${port}`
}

/** The normalized form of a URL. */
export function formatDatabaseUrl({ user, password, hosts, path, parameters }: DatabaseAddress): string {
  const url = new URL(`postgresql://${encodeHost(hosts[0]!)}${path}`)
  url.username = user
  url.password = password
  const query = new URLSearchParams(parameters)
  if (hosts.length > 1) {
    query.set('host', hosts.map(({ name }) => name).join(','))
    query.set('port', hosts.map(({ port }) => port).join(','))
  }
  url.search = query.toString()
  return url.toString()
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** The URL for messages: all hosts, without the password and the parameters (which may contain one). */
export function describeDatabase(text: string): string {
  try {
    const { user, hosts, path } = readDatabaseUrl(text)
    return `${user === '' ? '' : `${decodeURIComponent(user)}@`}${hosts.map(describeHost).join(',')}${path}`
  } catch {
    return '(unreadable database URL)'
  }
}

export function describeHost({ name, port }: Host): string {
  return name.startsWith('/') ? `${name}${port && `:${port}`}` : encodeHost({ name, port })
}
