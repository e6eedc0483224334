import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalPostgres } from '../../scripts/local-postgres.ts'
import { connect, disconnect } from '../../job-image/db/session/client.ts'
import { migrate } from '../../job-image/db/schema/schema.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce, storedRun } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

// This file has its own server, because it is stopped and started. It is durable, because it must survive a crash.
const server = await startLocalPostgres({ directory: mkdtempSync(join(tmpdir(), 'rapidrmf-faults-')) })
afterAll(() => server.remove())
const SYSTEMS = 100
const RESULTS = SYSTEMS * 1007

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect({ url: server.url })
  try {
    return await work(client)
  } finally {
    await disconnect(client)
  }
}
// This is not at the top of the file, because a failure there skips the clean-up.
beforeAll(() =>
  withClient(async (client) => {
    await migrate(client)
    await seedWorld(client, { systems: SYSTEMS })
  }),
)

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
const env = {
  DATABASE_URL: server.url,
  RAPIDRMF_HEARTBEAT: '0.3',
  RAPIDRMF_ABANDON_AFTER: '20',
  RAPIDRMF_OUTAGE: '30',
}
const worker = (runKey: string, changes: Record<string, string> = {}): CliProcess =>
  startCli(['scheduler', 'once', '--run-key', runKey], { cwd: folder.path, env: { ...env, ...changes } })

/** Resolves when part of the run is stored. */
async function underWay(runKey: string): Promise<void> {
  await withClient(async (client) => {
    for (;;) {
      const { rows } = await client.query(
        `SELECT FROM job_runs r JOIN run_systems s ON s.job_run_id = r.id
          WHERE r.run_key = $1 AND s.state = 'done' LIMIT 1`,
        [runKey],
      )
      if (rows.length > 0) return
      await sleep(10)
    }
  })
}

describe('a server that stops', () => {
  it.each(['fast', 'immediate'] as const)(
    '(%s) during a run of two workers and returns: the run continues',
    async (mode) => {
      const runKey = `stopped ${mode}`
      const workers = [worker(runKey), worker(runKey)]
      await underWay(runKey)
      await server.stop(mode)
      await sleep(2_000)
      await server.start()
      for (const { ended } of workers) {
        const { code, stderr } = await ended
        expect({ code, stderr }).toMatchObject({
          code: 0,
          stderr: expect.stringMatching(/retrying/) as string,
        })
      }
      await withClient((client) => expectExactlyOnce(client, runKey, RESULTS))
    },
  )

  it('before the start of a run: the run waits for it', async () => {
    await server.stop()
    const started = worker('early')
    await started.said(/retrying/)
    await server.start()
    expect((await started.ended).code).toBe(0)
    await withClient((client) => expectExactlyOnce(client, 'early', RESULTS))
  })

  it('for good: exit 1, and the next run closes the abandoned one', async () => {
    const short = { RAPIDRMF_OUTAGE: '1', RAPIDRMF_ABANDON_AFTER: '2' }
    const lost = worker('lost', short)
    await underWay('lost')
    await server.stop('immediate')
    const { code, stderr } = await lost.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/the next run closes it/)
    await server.start()
    await sleep(2_000)
    expect((await worker('next', short).ended).code).toBe(0)
    await withClient(async (client) => {
      expect(await storedRun(client, 'lost')).toMatchObject({ status: 'failed', finished: true })
    })
    expect((await worker('lost', short).ended).code).toBe(0)
    await withClient((client) => expectExactlyOnce(client, 'lost', RESULTS))
  })
})

describe('two schedulers', () => {
  // Slots are full minutes, so this takes up to one.
  it('with a slot while the database is unavailable make one run for it, with each result once', async () => {
    await server.stop()
    const schedulers = [1, 2].map(() =>
      startCli(['scheduler', 'start', '--cron', '* * * * *', '--starting-deadline', '60'], {
        cwd: folder.path,
        env,
      }),
    )
    await Promise.all(schedulers.map(({ said }) => said(/was not checked/)))
    await Promise.all(schedulers.map(({ said }) => said(/retrying/)))
    await server.start()
    await Promise.all(schedulers.map(({ said }) => said(/"verdict":"Findings"/)))
    for (const { kill } of schedulers) kill('SIGTERM')
    for (const { ended } of schedulers) expect([0, 143]).toContain((await ended).code)
    await withClient(async (client) => {
      const { rows } = await client.query<{ run_key: string; n: number }>(
        `SELECT run_key, count(*) OVER (PARTITION BY slot_at)::int AS n FROM job_runs
          WHERE schedule_uid LIKE 'cli:production|* * * * *|%' AND status = 'success' ORDER BY slot_at`,
      )
      expect(rows.length).toBeGreaterThan(0)
      for (const { run_key, n } of rows) {
        expect(n).toBe(1)
        await expectExactlyOnce(client, run_key, RESULTS)
      }
    })
  })
})
