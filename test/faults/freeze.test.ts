import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createDatabase } from '../support/database.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce, runSessions } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 60
const RESULTS = SYSTEMS * 1007
await seedWorld(client, { systems: SYSTEMS })

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
const worker = (databaseUrl: string, runKey: string): CliProcess =>
  startCli(['scheduler', 'once', '--run-key', runKey], {
    cwd: folder.path,
    env: {
      DATABASE_URL: databaseUrl,
      RAPIDRMF_HEARTBEAT: '0.2',
      RAPIDRMF_ABANDON_AFTER: '1.5',
      RAPIDRMF_OUTAGE: '10',
    },
  })

async function outcomes(runKey: string): Promise<string[]> {
  const { rows } = await client.query<{ outcome: string }>(
    `SELECT a.outcome FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
      WHERE r.run_key = $1 ORDER BY a.attempt`,
    [runKey],
  )
  return rows.map(({ outcome }) => outcome)
}

async function expectWell(process: CliProcess): Promise<void> {
  const { code, stderr } = await process.ended
  expect(code === 0 ? '' : stderr).toBe('')
}

describe('SIGSTOP', () => {
  it('during COPY: another worker ends the session and does the work, and after SIGCONT the run is done', async () => {
    const runKey = 'inside COPY'
    let victim: CliProcess | undefined
    // Stops the process and its connection, so that the server waits for the remaining rows.
    const proxy = await startProxy(Number(new URL(url).port), (total) => {
      if (total < 400_000 || victim === undefined) return
      proxy.freeze('existing')
      victim.kill('SIGSTOP')
      victim = undefined
    })
    const frozen = worker(proxy.through(url), runKey)
    victim = frozen
    await expect
      .poll(
        async () => {
          const { rows } = await client.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
                AND wait_event = 'ClientRead' AND query LIKE 'COPY%'`,
          )
          return victim === undefined && rows.length
        },
        { timeout: 20_000 },
      )
      .toBe(1)
    const peer = await worker(url, runKey).ended
    expect(peer).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, runKey, RESULTS)
    expect(await outcomes(runKey)).toEqual(['abandoned', 'success'])
    frozen.kill('SIGCONT')
    proxy.restore()
    await expectWell(frozen)
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it.each([0, 100, 200, 300, 450, 600])(
    '%i ms into the work, for longer than the limit: each result is stored once, and both workers succeed',
    async (delay) => {
      const runKey = `after ${delay}`
      const frozen = worker(url, runKey)
      await frozen.said(/started run/)
      await sleep(delay)
      frozen.kill('SIGSTOP')
      const peer = worker(url, runKey)
      const stopped = peer.ended
      expect(await stopped).toMatchObject({ code: 0 })
      await expectExactlyOnce(client, runKey, RESULTS)
      frozen.kill('SIGCONT')
      await expectWell(frozen)
      await expectExactlyOnce(client, runKey, RESULTS)
    },
  )

  it('and SIGCONT while another worker is active: the first joins again', async () => {
    const runKey = 'woken'
    const frozen = worker(url, runKey)
    await frozen.said(/started run/)
    frozen.kill('SIGSTOP')
    await sleep(1_600)
    const peer = worker(url, runKey)
    await peer.said(/60 systems/)
    frozen.kill('SIGCONT')
    const both = await Promise.all([frozen.ended, peer.ended])
    for (const each of both) expect(each).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('of the only worker: the next run closes the run as abandoned, and after SIGCONT it is finished', async () => {
    const runKey = 'zombie'
    const frozen = worker(url, runKey)
    await frozen.said(/started run/)
    frozen.kill('SIGSTOP')
    await sleep(1_600)
    expect(await worker(url, 'next').ended).toMatchObject({ code: 0 })
    const { rows } = await client.query('SELECT status FROM job_runs WHERE run_key = $1', [runKey])
    expect(rows).toEqual([{ status: 'failed' }])
    frozen.kill('SIGCONT')
    const { code } = await frozen.ended
    // Its connections are closed, so it finds the run closed (1), or opens it again and does the rest (0).
    expect([0, 1]).toContain(code)
    if (code === 1) expect(await worker(url, runKey).ended).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, runKey, RESULTS)
    await expectExactlyOnce(client, 'next', RESULTS)
  })

  it('leaves no session', async () => {
    await expect.poll(() => runSessions(client), { timeout: 5_000 }).toBe(0)
  })
})
