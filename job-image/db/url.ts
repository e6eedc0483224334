import { InputError } from '../errors.ts'

/** Parameters of SQLAlchemy's asyncpg dialect that mean nothing to PostgreSQL itself. */
const ASYNCPG_ONLY = ['prepared_statement_cache_size', 'prepared_statement_name_func', 'async_fallback']

/**
 * A database URL as pg understands it: SQLAlchemy's `postgresql+asyncpg://` is accepted, and its `ssl=MODE` means
 * libpq's `sslmode=MODE` (where `require` encrypts without checking the certificate).
 */
export function parseDatabaseUrl(text: string, source: string): string {
  const url = parse(text.replace(/^postgres(ql)?(\+\w+)?:/, 'postgresql:'))
  if (url?.protocol !== 'postgresql:') {
    throw new InputError(
      `${source}: not a PostgreSQL URL; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE`,
    )
  }
  const ssl = url.searchParams.get('ssl')
  if (ssl !== null) {
    url.searchParams.delete('ssl')
    url.searchParams.set('sslmode', SSL_MODES[ssl] ?? ssl)
  }
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
  for (const name of ASYNCPG_ONLY) url.searchParams.delete(name)
  return url.toString()
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
