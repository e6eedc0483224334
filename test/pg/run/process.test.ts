import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_SUMMARY_BYTES, decodeRunSummary } from '../../../crds/run-summary.ts'
import { freePort } from '../../../scripts/local-postgres.ts'
import { expectNoPassword, startCli } from '../../support/process.ts'
import type { ProcessOptions, ProcessResult } from '../../support/process.ts'
import { createDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/proxy.ts'
import { createFolder } from '../../support/run-command.ts'
import { expectExactlyOnce, storedRun } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

// A password that would be noticed anywhere; of a role of its own, because the server's has no such mark.
const CANARY = 'canary-Pa55w0rd'
const { client, url: adminUrl } = await createDatabase()
const SYSTEMS = 30
const RESULTS = SYSTEMS * 1007
await seedWorld(client, { systems: SYSTEMS })
const role = `canary_${process.pid}`
await client.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${CANARY}'`)
const url = Object.assign(new URL(adminUrl), { username: role, password: CANARY }).toString()

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
folder.write('broken.yaml', 'environments:\n  production: { databas_url: x }\n')

const TIMES = {
  RAPIDRMF_HEARTBEAT: '0.2',
  RAPIDRMF_ABANDON_AFTER: '1',
  RAPIDRMF_OUTAGE: '1',
  RAPIDRMF_CONCURRENCY: '1',
}
const options = (env: Record<string, string> = {}): ProcessOptions => ({
  cwd: folder.path,
  env: { ...TIMES, DATABASE_URL: url, ...env },
})

let files = 0
/** Runs `scheduler once` with a summary file, which must be whole, small and without the password. */
async function once(args: readonly string[], env: Record<string, string> = {}) {
  const file = `summary-${(files += 1)}.json`
  const result = await startCli(['scheduler', 'once', '--summary-file', file, ...args], options(env)).ended
  const text = readFileSync(join(folder.path, file), 'utf8')
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES)
  const summary = decodeRunSummary(text)
  if (summary === undefined) throw new Error(`not a summary: ${text}`)
  expectQuiet(result, text)
  return { ...result, summary }
}

function expectQuiet({ stdout, stderr }: ProcessResult, ...more: string[]): void {
  expectNoPassword(url, stdout, stderr, ...more)
  expect(stderr).not.toMatch(/\bat .*\.(ts|js|cjs):\d+/)
}

afterEach(async () => {
  const { rows } = await client.query<{ text: string | null }>(
    `SELECT string_agg(r::text, ' ') AS text FROM job_runs r
     UNION ALL SELECT string_agg(a::text, ' ') FROM job_run_attempts a
     UNION ALL SELECT string_agg(s.error, ' ') FROM run_systems s`,
  )
  expectNoPassword(url, ...rows.map(({ text }) => text ?? ''))
})

describe('a summary file and no password, whatever fails', () => {
  it('nothing fails, in another time zone', async () => {
    const { code, summary } = await once(['--run-key', 'zone'], { TZ: 'Pacific/Auckland' })
    expect(code).toBe(0)
    expect(summary).toMatchObject({ final: true, status: 'success', verdict: 'Findings' })
    expect(Math.abs(Date.parse(summary.startedAt ?? '') - Date.now())).toBeLessThan(60_000)
    await expectExactlyOnce(client, 'zone', RESULTS)
  })

  it.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['an unknown environment', ['--env', 'prod'], {}, 2, /environment/],
    ['an environment of 9,000 characters', ['--env', 'ä"\u0001'.repeat(3_000)], {}, 2, /environment/],
    ['a run key of 9,000 characters', ['--run-key', '\u0001🦄"'.repeat(3_000)], {}, 2, /run key/],
    ['a broken configuration', ['--config', 'broken.yaml'], {}, 2, /databas_url/],
    ['no such configuration', ['--config', 'none.yaml'], {}, 2, /none\.yaml/],
    ['a wrong password', [], { DATABASE_URL: url.replace(role, 'postgres') }, 2, /check user and password/],
    [
      'no such database',
      [],
      { DATABASE_URL: url.replace(/\/[^/]+$/, '/nowhere') },
      2,
      /check the database name/,
    ],
    [
      'a password that is not encoded',
      [],
      { DATABASE_URL: `postgresql://u:${CANARY}/x#@127.0.0.1/d` },
      2,
      /percent-encoded/,
    ],
    ['no URL at all', [], { DATABASE_URL: CANARY }, 2, /not a PostgreSQL URL/],
    [
      'no such host',
      [],
      { DATABASE_URL: url.replace('127.0.0.1', 'nowhere.invalid') },
      1,
      /cannot be reached/,
    ],
    ['TLS that the server has not', [], { DATABASE_URL: `${url}?sslmode=require` }, 2, /SSL/],
    [
      'a certificate that is not there',
      [],
      { DATABASE_URL: `${url}?sslmode=verify-full&sslrootcert=/no/such.pem` },
      2,
      /such\.pem/,
    ],
    ['a bad time', [], { RAPIDRMF_HEARTBEAT: 'soon' }, 2, /RAPIDRMF_HEARTBEAT/],
  ])('%s', async (_, args, env, expected, message) => {
    const { code, stderr, summary } = await once(args, env)
    expect(stderr).toMatch(message)
    expect(code).toBe(expected)
    expect(summary).toMatchObject({ final: false, status: 'failed', verdict: 'Errored' })
  })

  it('nobody listens', async () => {
    const closed = Object.assign(new URL(url), { port: String(await freePort()) }).toString()
    const { code, stderr } = await once([], { DATABASE_URL: closed })
    expect(code).toBe(1)
    expect(stderr).toMatch(/retrying: .*\n.*cannot be reached: .*ECONNREFUSED/s)
  })

  it('something else listens', async () => {
    const listener = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as AddressInfo
    const { code } = await once([], {
      DATABASE_URL: Object.assign(new URL(url), { port: String(port) }).toString(),
    })
    expect(code).toBe(1)
    listener.close()
  })

  it('the database goes away in the middle', async () => {
    const proxy = await startProxy(Number(new URL(url).port), (total) => {
      if (total > 700_000) proxy.cut()
    })
    const { code, stderr, summary } = await once(['--run-key', 'gone'], { DATABASE_URL: proxy.through(url) })
    expect(code).toBe(1)
    expect(stderr).toMatch(/the next run closes it/)
    expect(summary).toMatchObject({ final: false, status: 'failed', reason: 'RunBroke' })
  })
})

describe('SIGTERM', () => {
  /** Holds every batch up at its first row. */
  async function held<T>(work: () => Promise<T>): Promise<T> {
    await client.query('BEGIN')
    await client.query('LOCK TABLE validation_results IN EXCLUSIVE MODE')
    try {
      return await work()
    } finally {
      await client.query('ROLLBACK')
    }
  }

  it('ends with 143 after the batch at hand; the same key goes on', async () => {
    const run = await held(async () => {
      const started = startCli(['scheduler', 'once', '--run-key', 'stopped'], options())
      await started.said(/30 systems/)
      started.kill('SIGTERM')
      return started
    })
    const result = await run.ended
    expect(result).toMatchObject({ code: 143, signal: null })
    expectQuiet(result)
    expect(await storedRun(client, 'stopped')).toMatchObject({
      status: 'failed',
      rows: 10 * 1007,
      pending: 20,
    })
    expect((await once(['--run-key', 'stopped'])).code).toBe(0)
    await expectExactlyOnce(client, 'stopped', RESULTS)
  })

  it('twice ends at once', async () => {
    await held(async () => {
      const started = startCli(['scheduler', 'once', '--run-key', 'twice'], options())
      await started.said(/30 systems/)
      started.kill('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 100))
      const from = performance.now()
      started.kill('SIGTERM')
      expect(await started.ended).toMatchObject({ code: 143, signal: null })
      expect(performance.now() - from).toBeLessThan(1_000)
    })
    expect((await once(['--run-key', 'twice'])).code).toBe(0)
    await expectExactlyOnce(client, 'twice', RESULTS)
  })

  it('ends a wait for a database that is away', async () => {
    const closed = Object.assign(new URL(url), { port: String(await freePort()) }).toString()
    const started = startCli(['scheduler', 'once'], options({ DATABASE_URL: closed, RAPIDRMF_OUTAGE: '60' }))
    await started.said(/retrying/)
    started.kill('SIGTERM')
    expect(await started.ended).toMatchObject({ code: 143, signal: null })
  })
})
