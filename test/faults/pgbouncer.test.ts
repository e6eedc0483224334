import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as openSocket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../scripts/local-postgres.ts'
import { createDatabase } from '../support/database.ts'
import { expectNoPassword, startCli } from '../support/process.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

const installed = spawnSync('pgbouncer', ['--version']).status === 0
const SKIPPED = installed ? '' : ' (skipped: pgbouncer is not installed; apt-get install pgbouncer)'

const { client, url } = await createDatabase()
const SYSTEMS = 40
await seedWorld(client, { systems: SYSTEMS })

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

/** Starts pgbouncer in front of the test's server. It refuses to run as root, so root starts it as an unprivileged user. */
async function startPgbouncer(mode: 'session' | 'transaction'): Promise<string> {
  const server = new URL(url)
  const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-pgbouncer-'))
  const port = await freePort()
  const ini = join(directory, 'pgbouncer.ini')
  writeFileSync(
    ini,
    `[databases]
* = host=127.0.0.1 port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
`,
  )
  const root = process.getuid?.() === 0
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout),
  )
  const owner = root && uid !== undefined && gid !== undefined ? { uid, gid } : {}
  if (root) for (const path of [directory, ini]) chownSync(path, uid ?? 0, gid ?? 0)
  const child = spawn('pgbouncer', ['-q', ini], { stdio: 'ignore', ...owner })
  cleanUp.push(() => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  await listening(port, child)
  return Object.assign(server, { port: String(port) }).toString()
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = openSocket(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (up) return
    await sleep(50)
  }
  throw new Error(`pgbouncer ended with ${child.exitCode}`)
}

const proxies = { session: '', transaction: '' }
const cleanUp: (() => void)[] = []
// This is not at the top of the file, because a failure there skips the clean-up.
beforeAll(async () => {
  if (!installed) return
  proxies.session = await startPgbouncer('session')
  proxies.transaction = await startPgbouncer('transaction')
})
afterAll(() => {
  for (const each of cleanUp) each()
})

const once = (databaseUrl: string, runKey: string) =>
  startCli(['scheduler', 'once', '--run-key', runKey], {
    cwd: folder.path,
    env: { DATABASE_URL: databaseUrl, RAPIDRMF_HEARTBEAT: '0.2', RAPIDRMF_ABANDON_AFTER: '1' },
  }).ended

describe.skipIf(!installed)(`behind pgbouncer${SKIPPED}`, () => {
  it('in session mode a run works, also with two workers', async () => {
    const all = await Promise.all([once(proxies.session, 'session'), once(proxies.session, 'session')])
    for (const { code, stderr } of all) expect({ code, stderr }).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, 'session', SYSTEMS * 1007)
  })

  it.each([1, 2])('in transaction mode %i worker(s) stop with an error', async (workers) => {
    const runKey = `transaction ${workers}`
    const all = await Promise.all(Array.from({ length: workers }, () => once(proxies.transaction, runKey)))
    for (const { code, stderr, stdout } of all) {
      expect(stderr).toMatch(/pool_mode = transaction.*session/)
      expect(code).toBe(2)
      expectNoPassword(url, stdout, stderr)
    }
  })
})
