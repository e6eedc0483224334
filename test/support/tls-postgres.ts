import { chownSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { createAuthority, issueCertificate } from '../../scripts/control-plane/certificates.ts'
import { startLocalPostgres } from '../../scripts/local-postgres.ts'
import type { LocalPostgres } from '../../scripts/local-postgres.ts'

export type TlsPostgres = LocalPostgres & {
  /** The PEM file of the authority that signed the server's certificate for 127.0.0.1. */
  readonly authority: string
  /** The PEM file of another authority. */
  readonly stranger: string
  /** The directory of its Unix socket. */
  readonly sockets: string
}

/** Starts a server with TLS and a Unix socket. The role `encrypted` (password `x`) may connect only with TLS. */
export async function startTlsPostgres(): Promise<TlsPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-tls-'))
  const server = await startLocalPostgres({
    directory,
    settings: { fsync: 'off', unix_socket_directories: directory },
  })
  const { dataDirectory } = server
  const { uid, gid } = statSync(dataDirectory)
  const write = (name: string, text: string): string => {
    const file = join(dataDirectory, name)
    writeFileSync(file, text, { mode: 0o600 })
    chownSync(file, uid, gid)
    return file
  }
  const authority = createAuthority('tests')
  const { certificate, key } = issueCertificate(authority, { commonName: 'server', hosts: ['127.0.0.1'] })
  write('server.crt', certificate)
  write('server.key', key)
  const rules = readFileSync(join(dataDirectory, 'pg_hba.conf'), 'utf8')
  write('pg_hba.conf', `hostnossl all encrypted all reject\n${rules}`)
  const admin = new Client({ connectionString: server.url })
  await admin.connect()
  await admin.query(`CREATE ROLE encrypted LOGIN PASSWORD 'x'`)
  await admin.query(`ALTER SYSTEM SET ssl TO on`)
  await admin.query('SELECT pg_reload_conf()')
  await admin.end()
  await isServed(server.url)
  return {
    ...server,
    authority: write('authority.pem', authority.certificate),
    stranger: write('stranger.pem', createAuthority('others').certificate),
    sockets: directory,
  }
}

/** Waits for the reload, which is asynchronous. */
async function isServed(url: string): Promise<void> {
  for (;;) {
    const client = new Client({ connectionString: url, ssl: { rejectUnauthorized: false } })
    try {
      await client.connect()
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      await client.end().catch(() => {})
    }
  }
}
