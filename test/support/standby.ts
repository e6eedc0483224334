import { spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll } from 'vitest'
import { startLocalPostgres } from '../../scripts/local-postgres.ts'
import type { LocalPostgres } from '../../scripts/local-postgres.ts'

export type Replicated = {
  readonly primary: LocalPostgres
  readonly standby: LocalPostgres
  /** Cuts the stream when the standby has all commits so far: later ones are lost in a failover. */
  readonly stopReplication: () => Promise<void>
  /** Makes the standby the primary. */
  readonly promote: () => Promise<void>
}

/**
 * Starts a primary, filled by `prepare`, and an asynchronous standby that streams from it (PostgreSQL manual,
 * "Log-Shipping Standby Servers"). The standby starts as a copy of the stopped primary, because the tests' binaries have no
 * pg_basebackup. Both are removed at the end of the test file.
 */
export async function startReplicated(prepare: (url: string) => Promise<void>): Promise<Replicated> {
  const primary = await start(folder())
  await prepare(primary.url)
  await primary.stop()
  const copy = folder()
  copyDirectory(join(primary.dataDirectory, '..'), copy)
  await primary.start()
  followPrimary(join(copy, 'data'), primary)
  const standby = await start(copy)
  await isStreaming(primary)
  return {
    primary,
    standby,
    stopReplication: async () => {
      const [row] = await ask<{ lsn: string }>(primary.url, 'SELECT pg_current_wal_flush_lsn()::text AS lsn')
      await until(standby.url, `SELECT pg_last_wal_replay_lsn() >= '${row!.lsn}'::pg_lsn AS holds`)
      await ask(standby.url, `ALTER SYSTEM SET primary_conninfo TO ''`)
      await ask(standby.url, 'SELECT pg_reload_conf()')
      await until(standby.url, 'SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver) AS holds')
    },
    promote: async () => {
      await ask(standby.url, 'SELECT pg_promote()')
    },
  }
}

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'rapidrmf-failover-'))
}

async function start(directory: string): Promise<LocalPostgres> {
  const server = await startLocalPostgres({ directory, settings: { fsync: 'off' } })
  servers.push(server)
  return server
}

// Hooks that are registered within a test are not called, so this is at the top. It also runs after a failed test.
const servers: LocalPostgres[] = []
afterAll(() => Promise.all(servers.map((each) => each.remove())))

/** Copies a directory with owners and modes, which the server requires. */
function copyDirectory(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', `${from}/.`, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

function followPrimary(dataDirectory: string, { url }: LocalPostgres): void {
  const { hostname, port, username, password } = new URL(url)
  const signal = join(dataDirectory, 'standby.signal')
  writeFileSync(signal, '')
  const { uid, gid } = statSync(dataDirectory)
  chownSync(signal, uid, gid)
  appendFileSync(
    join(dataDirectory, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
  )
}

async function isStreaming({ url }: LocalPostgres): Promise<void> {
  await until(url, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming') AS holds`)
}

async function until(url: string, question: string): Promise<void> {
  for (;;) {
    const [row] = await ask<{ holds: boolean }>(url, question)
    if (row?.holds === true) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function ask<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}
