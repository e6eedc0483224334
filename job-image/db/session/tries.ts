import { WrongServer, isUnencryptedOnly, sqlState } from './errors.ts'
import type { ServerSession } from './session-settings.ts'
import { describeHost, formatDatabaseUrl, parseDatabaseUrl, readDatabaseUrl } from './url.ts'
import type { DatabaseAddress, Host } from './url.ts'

/** One server of a URL, with the TLS modes to try in order. */
export type Server = {
  /** Display name. */
  readonly name: string
  /** The URL of this server alone, once for each mode. */
  readonly urls: readonly string[]
}

/** The servers of a database URL to try in order, and the sessions that it accepts. */
export type Tries = {
  readonly servers: readonly Server[]
  /** libpq's target_session_attrs; undefined if the URL does not have it. */
  readonly attributes: string | undefined
}

/**
 * libpq's rules for TLS: `prefer` falls back to a connection without it, `allow` starts without it, and a Unix socket never
 * uses it (PostgreSQL manual, "SSL Support").
 */
const MODES: Record<string, readonly string[]> = {
  prefer: ['prefer', 'disable'],
  allow: ['disable', 'require'],
}

/** The servers of a database URL, in its order. */
export function triesOf(url: string): Tries {
  const address = readDatabaseUrl(parseDatabaseUrl(url, 'database URL'))
  const { hosts, parameters } = address
  const servers = hosts.map((host) => ({
    name: describeHost(host),
    urls: modesOf(address, host).map((mode) => urlOf(address, host, mode)),
  }))
  return { servers, attributes: parameters.get('target_session_attrs') ?? undefined }
}

function modesOf({ parameters }: DatabaseAddress, { name }: Host): readonly (string | undefined)[] {
  if (name.startsWith('/')) return ['disable']
  const mode = parameters.get('sslmode')
  return mode === null ? [undefined] : (MODES[mode] ?? [mode])
}

function urlOf(address: DatabaseAddress, host: Host, mode: string | undefined): string {
  const parameters = new URLSearchParams(address.parameters)
  parameters.delete('target_session_attrs')
  if (mode !== undefined) {
    parameters.set('sslmode', mode)
    // pg's own interpretation of the modes differs.
    parameters.set('uselibpqcompat', 'true')
  }
  return formatDatabaseUrl({ ...address, hosts: [host], parameters })
}

const INVALID_AUTHORIZATION = '28000'

/** True if another TLS mode may be accepted: the server has no TLS, or its pg_hba.conf requires the other mode. */
export function mayTryOtherMode(error: unknown): boolean {
  return isUnencryptedOnly(error) || sqlState(error) === INVALID_AUTHORIZATION
}

/** Throws a WrongServer if the session does not match the URL's target_session_attrs. */
export function requireAttributes(attributes: string, { isStandby, isReadOnly }: ServerSession): void {
  const isWritable = !isStandby && !isReadOnly
  if (attributes === 'read-write' && !isWritable)
    throw new WrongServer(isStandby ? 'the server is a standby' : 'transactions there are read-only')
  if (attributes === 'read-only' && isWritable) throw new WrongServer('the server can be written to')
  if (attributes === 'primary' && isStandby) throw new WrongServer('the server is a standby')
  if (attributes === 'standby' && !isStandby) throw new WrongServer('the server is a primary')
}
