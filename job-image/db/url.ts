import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'

/**
 * The parameters that say where and how to connect. All others are dropped: they belong to other drivers
 * (`prepared_statement_cache_size`), or would change what the program needs its sessions to be (`application_name`,
 * `statement_timeout`, `query_timeout`), because pg lets them override its own configuration.
 */
const PARAMETERS = new Set([
  'host',
  'port',
  'user',
  'password',
  'options',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
])

/**
 * A database URL as pg understands it: SQLAlchemy's `postgresql+asyncpg://` is accepted, and its `ssl=MODE` means
 * libpq's `sslmode=MODE` (where `require` encrypts without checking the certificate).
 * `source` is what a refusal speaks of, or makes its problem; the text itself is never in it.
 */
export function parseDatabaseUrl(text: string, source: string | ((message: string) => Problem)): string {
  const refused = (message: string): InputError =>
    new InputError(typeof source === 'string' ? `${source}: ${message}` : source(message))
  const url = parse(text.replace(/^postgres(ql)?(\+\w+)?:/, 'postgresql:'))
  if (url?.protocol !== 'postgresql:') throw refused(NOT_A_URL)
  if (isMisread(url)) throw refused(UNENCODED)
  const ssl = url.searchParams.get('ssl')
  if (ssl !== null) {
    url.searchParams.delete('ssl')
    url.searchParams.set('sslmode', SSL_MODES[ssl] ?? ssl)
  }
  const known = [...url.searchParams].filter(([name]) => PARAMETERS.has(name))
  url.search = new URLSearchParams(known).toString()
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
  return url.toString()
}

const NOT_A_URL =
  'not a PostgreSQL URL; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE (special characters in user and password percent-encoded: / is %2F, @ is %40)'
const UNENCODED =
  'special characters in user, password or database must be percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)'

/**
 * A raw `/`, `?` or `#` in the password ends the host too early: what was meant as a password would be shown as a
 * host, and the connection go to the wrong place. A raw `%` cannot be decoded later.
 */
function isMisread(url: URL): boolean {
  if (url.hash !== '') return true
  if (url.username === '' && `${url.pathname}${url.search}`.includes('@')) return true
  return [url.username, url.password, url.pathname].some((part) => !isEncoded(part))
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const SSL_MODES: Record<string, string> = { true: 'require', false: 'disable' }

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** The URL for people: no password, no parameters (they may hold one). */
export function describeDatabase(text: string): string {
  const url = parse(text.replace(/^postgres(ql)?(\+\w+)?:/, 'postgresql:'))
  if (url === undefined) return '(unreadable database URL)'
  const user = url.username === '' ? '' : `${decodeURIComponent(url.username)}@`
  return `${user}${url.host}${url.pathname}`
}
