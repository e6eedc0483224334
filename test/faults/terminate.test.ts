import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createDatabase } from '../support/database.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce, runSessions } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

/** The number of trials, a fifth of those of kill -9: an orderly stop has fewer points of failure. */
const TRIALS = Math.ceil(Number(process.env['RAPIDRMF_TRIALS'] ?? 100) / 5)
const SYSTEMS = 70
const CONTROLS = 120
const RESULTS = SYSTEMS * CONTROLS

const { client, url } = await createDatabase()
await seedWorld(client, {
  systems: SYSTEMS,
  controls: Array.from({ length: CONTROLS }, (_, index) => `AC-${index + 101}`),
})
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
// No trial waits for this abandon limit, so that an incomplete clean-up is visible.
const env = { DATABASE_URL: url, RAPIDRMF_HEARTBEAT: '0.2', RAPIDRMF_ABANDON_AFTER: '600' }
const worker = (runKey: string): CliProcess =>
  startCli(['scheduler', 'once', '--run-key', runKey], { cwd: folder.path, env })

type Attempt = { readonly worker: string; readonly outcome: string | null; readonly status: string }

async function attemptsOf(runKey: string): Promise<Attempt[]> {
  const { rows } = await client.query<Attempt>(
    `SELECT a.worker, a.outcome, r.status FROM job_runs r JOIN job_run_attempts a ON a.job_run_id = r.id
      WHERE r.run_key = $1 ORDER BY a.attempt`,
    [runKey],
  )
  return rows
}

async function locked(runKey: string): Promise<number> {
  const queue = `run_systems WHERE job_run_id = (SELECT id FROM job_runs WHERE run_key = $1)`
  const { rows: free } = await client.query(`SELECT FROM ${queue} FOR UPDATE SKIP LOCKED`, [runKey])
  const { rows: all } = await client.query(`SELECT FROM ${queue}`, [runKey])
  return all.length - free.length
}

async function lifetime(): Promise<number> {
  const from = performance.now()
  expect(await worker('undisturbed').ended).toMatchObject({ code: 0 })
  return performance.now() - from
}

describe(`SIGTERM at any point (${TRIALS} trials)`, () => {
  let life = 0
  it('the time of an undisturbed run is measured', async () => {
    await lifetime()
    life = await lifetime()
  })

  it.each(Array.from({ length: TRIALS }, (_, index) => index))(
    'trial %i: ends soon and in order, and releases all claims',
    async (trial) => {
      const runKey = `trial ${trial}`
      const victim = worker(runKey)
      const sibling = trial % 2 === 1 ? worker(runKey) : undefined
      // Most of the time is the start of the process, so every third signal comes when the work begins.
      if (trial % 3 === 2) await victim.said(/70 systems/)
      else await sleep(((trial + Math.random()) / TRIALS) * life)
      const from = performance.now()
      victim.kill('SIGTERM')
      const { code, signal, stderr } = await victim.ended
      expect(performance.now() - from).toBeLessThan(8_000)
      const mine = (await attemptsOf(runKey)).filter((each) => each.worker.includes(`/${victim.pid}/`))
      // Before the program handles signals, the default action kills the process.
      if (signal === null)
        expect({ code, stderr }).toMatchObject({ code: expect.toBeOneOf([0, 143]) as number })
      else expect({ signal, mine }).toEqual({ signal: 'SIGTERM', mine: [] })
      for (const { outcome } of mine) expect(outcome).toBe(code === 143 ? 'interrupted' : 'success')
      if (sibling === undefined) {
        expect(await locked(runKey)).toBe(0)
        for (const { status } of mine) expect(status).toBe(code === 143 ? 'failed' : 'success')
      } else expect(await sibling.ended).toMatchObject({ code: 0 })
      expect(await worker(runKey).ended).toMatchObject({ code: 0 })
      await expectExactlyOnce(client, runKey, RESULTS)
    },
  )

  it('ends in time when the server does not respond', async () => {
    const proxy = await startProxy(Number(new URL(url).port), (total) => {
      if (total > 200_000) proxy.freeze()
    })
    const run = startCli(['scheduler', 'once', '--run-key', 'frozen'], {
      cwd: folder.path,
      env: { ...env, RAPIDRMF_ABANDON_AFTER: '2', DATABASE_URL: proxy.through(url) },
    })
    await run.said(/70 systems/)
    await sleep(2_000)
    const from = performance.now()
    run.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 143, signal: null })
    expect(performance.now() - from).toBeLessThan(24_000)
    proxy.drop()
    // The server detects the lost client by itself, and the next worker takes the work.
    await sleep(2_000)
    const { code } = await startCli(['scheduler', 'once', '--run-key', 'frozen'], {
      cwd: folder.path,
      env: { ...env, RAPIDRMF_ABANDON_AFTER: '2' },
    }).ended
    expect(code).toBe(0)
    await expectExactlyOnce(client, 'frozen', RESULTS)
  })

  it('no attempt and no session stays open', async () => {
    const open = await client.query('SELECT FROM job_run_attempts WHERE ended_at IS NULL')
    expect(open.rows).toHaveLength(0)
    await expect.poll(() => runSessions(client), { timeout: 5_000 }).toBe(0)
  })

  it.skipIf(TRIALS < 10)('some signals came during the work', async () => {
    const { rows } = await client.query(`SELECT FROM job_run_attempts WHERE outcome = 'interrupted'`)
    expect(rows.length).toBeGreaterThan(0)
  })
})
