import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { backoffDelay } from '../../../common/backoff.ts'
import { GRACE, RETRY, Session } from '../../../job-image/run/session.ts'
import { InterruptedError } from '../../../job-image/errors.ts'
import { createDatabase } from '../../support/database.ts'
import { startCli } from '../../support/process.ts'
import type { CliProcess } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { createFolder } from '../../support/run-command.ts'
import { expectExactlyOnce, runSessions, storedRun } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 12
const RESULTS = SYSTEMS * 1007
await seedWorld(client, { systems: SYSTEMS })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
/** Kubernetes kills after this, in ms. */
const KUBERNETES_KILLS = 30_000

const start = (...argv: string[]): CliProcess =>
  startCli(['scheduler', ...argv], {
    cwd: folder.path,
    env: {
      DATABASE_URL: url,
      RAPIDRMF_HEARTBEAT: '0.2',
      RAPIDRMF_ABANDON_AFTER: '20',
      RAPIDRMF_CONCURRENCY: '1',
    },
  })

/** Another program holds the table that every batch writes to, until the work is done and for as long as it takes. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  const other = await connect({ url })
  try {
    await other.query('BEGIN; LOCK TABLE validation_results IN ACCESS EXCLUSIVE MODE')
    return await work()
  } finally {
    await disconnect(other)
  }
}

/** Resolves when a worker's session waits for a lock. */
async function waitsForLock(): Promise<void> {
  const waiting = async (): Promise<number> => {
    const { rows } = await client.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'rapidrmf run=%' AND wait_event_type = 'Lock'`,
    )
    return rows.length
  }
  await expect.poll(waiting, { timeout: 20_000 }).toBeGreaterThan(0)
}

/** Systems of a run that no session has locked. */
async function claimable(runKey: string): Promise<number> {
  const { rows } = await client.query(
    `SELECT FROM run_queue s WHERE s.job_run_id = (SELECT id FROM job_runs WHERE run_key = $1) FOR UPDATE SKIP LOCKED`,
    [runKey],
  )
  return rows.length
}

type Ended = { readonly outcome: string | null; readonly error: string | null }

async function attempts(where: string): Promise<Ended[]> {
  const { rows } = await client.query<Ended>(
    `SELECT a.outcome, a.error FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
      WHERE r.run_key LIKE $1 ORDER BY r.id, a.attempt`,
    [where],
  )
  return rows
}

/** How long the process takes to end after the signals, in ms. */
async function timeToEnd(process: CliProcess, ...signals: NodeJS.Signals[]): Promise<number> {
  const from = performance.now()
  for (const signal of signals) {
    process.kill(signal)
    await sleep(100)
  }
  await process.ended
  return performance.now() - from
}

describe('a batch that waits for the lock of another program', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: is rolled back after the grace, its attempt ended, and nothing stays claimed',
    async (signal) => {
      const key = `once ${signal}`
      await locked(async () => {
        const run = start('once', '--run-key', key)
        await waitsForLock()
        expect(await timeToEnd(run, signal)).toBeLessThan(KUBERNETES_KILLS / 2)
        expect(await run.ended).toMatchObject({
          code: 143,
          signal: null,
          stderr: expect.stringMatching(new RegExp(`continue run \\d+ with --run-key "${key}"\n$`)) as string,
        })
        expect(await attempts(key)).toMatchObject([
          { outcome: 'interrupted', error: expect.stringMatching(/longer than 5 s/) as string },
        ])
        // While the other program still has its lock.
        expect(await claimable(key)).toBe(SYSTEMS)
      })
      expect(await storedRun(client, key)).toMatchObject({ status: 'failed', rows: 0, pending: SYSTEMS })
      expect(await start('once', '--run-key', key).ended).toMatchObject({ code: 0 })
      await expectExactlyOnce(client, key, RESULTS)
    },
  )

  it('ends well when the lock is given up within the grace: the batch at hand is kept', async () => {
    const run = await locked(async () => {
      const started = start('once', '--run-key', 'in time')
      await waitsForLock()
      started.kill('SIGTERM')
      await sleep(1_000)
      return started
    })
    expect(await run.ended).toMatchObject({ code: 143 })
    expect(await storedRun(client, 'in time')).toMatchObject({ rows: 10 * 1007, pending: SYSTEMS - 10 })
  })

  it('in a scheduler: the run of the slot ends as interrupted, with 143', async () => {
    await locked(async () => {
      const scheduler = start('start', '--cron', '@every 2s')
      await waitsForLock()
      expect(await timeToEnd(scheduler, 'SIGTERM')).toBeLessThan(KUBERNETES_KILLS / 2)
      expect(await scheduler.ended).toMatchObject({ code: 143, signal: null })
      expect(await attempts('cli:%@every 2s%')).toMatchObject([{ outcome: 'interrupted' }])
    })
  })

  it('a second signal ends a scheduler at once', async () => {
    await locked(async () => {
      const scheduler = start('start', '--cron', '@every 2s', '--timezone', 'Europe/Berlin')
      await waitsForLock()
      expect(await timeToEnd(scheduler, 'SIGTERM', 'SIGINT')).toBeLessThan(GRACE / 2)
      expect(await scheduler.ended).toMatchObject({ code: 143, signal: null })
    })
  })
})

it('leaves no session behind', async () => {
  await expect.poll(() => runSessions(client), { timeout: 5_000 }).toBe(0)
})

it('a scheduler that waits for its slot ends with 0', async () => {
  const scheduler = start('start', '--cron', '0 0 1 1 *')
  await scheduler.said(/waiting for the next slot/)
  expect(await timeToEnd(scheduler, 'SIGTERM')).toBeLessThan(2_000)
  expect(await scheduler.ended).toMatchObject({ code: 0 })
})

describe('a session whose signal was aborted', () => {
  it('gives up on a server that says nothing at all', async () => {
    const proxy = await startProxy(Number(new URL(url).port))
    const stop = new AbortController()
    const session = new Session({ url: proxy.through(url), signal: stop.signal }, 60_000)
    await session.run((open) => open.query('SELECT 1'))
    proxy.freeze()
    const from = performance.now()
    const waiting = session.run((open) => open.query('SELECT 1'))
    stop.abort()
    await expect(waiting).rejects.toThrow(InterruptedError)
    expect(performance.now() - from).toBeLessThan(GRACE + 4_000)
    proxy.drop()
  })

  it('keeps no listener on a signal that outlives it', async () => {
    const stop = new AbortController()
    const session = new Session({ url, signal: stop.signal }, 1_000)
    const work = (open: Client) => open.query('SELECT 1')
    for (let times = 0; times < 3; times += 1) await session.run(work)
    await session.close()
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
  })
})

it('tries grow apart up to two seconds, and no two workers keep step', () => {
  const longest = [0, 1, 2, 5, 6, 30].map((attempt) => backoffDelay(RETRY, attempt, () => 0))
  expect(longest).toEqual([50, 100, 200, 1_600, 2_000, 2_000])
  expect(backoffDelay(RETRY, 6, () => 0.999)).toBeGreaterThanOrEqual(1_000)
  expect(new Set(Array.from({ length: 20 }, () => backoffDelay(RETRY, 6))).size).toBeGreaterThan(10)
})
