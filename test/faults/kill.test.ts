import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../support/database.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { createFolder } from '../support/run-command.ts'
import { expectWholeRecord, runSessions } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

const TRIALS = Number(process.env['RAPIDRMF_TRIALS'] ?? 100)
const SEED = Number(process.env['RAPIDRMF_SEED'] ?? Date.now() % 1_000_000)

const { client, url } = await createDatabase()
// Enough systems that reading, planning, a dozen batches and the close each take part of the process's time.
const SYSTEMS = 70
const CONTROLS = 120
await seedWorld(client, {
  systems: SYSTEMS,
  controls: Array.from(
    { length: CONTROLS },
    (_, index) => `${['AC', 'AU', 'CM', 'SC'][index % 4]}-${index + 101}`,
  ),
})

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
const env = {
  DATABASE_URL: url,
  RAPIDRMF_HEARTBEAT: '0.2',
  RAPIDRMF_ABANDON_AFTER: '1',
  RAPIDRMF_OUTAGE: '10',
}
type Publish = 'all' | 'none'
const worker = (runKey: string, publish: Publish): CliProcess =>
  startCli(['scheduler', 'once', '--run-key', runKey], {
    cwd: folder.path,
    env: { ...env, RESULTS_PUBLISH: publish },
  })

/** The generator mulberry32, which gives the same numbers everywhere for a seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Lifetime = { readonly start: number; readonly work: number }

/** The time of an undisturbed process in ms: until its row exists, and after that. */
async function lifetime(runKey: string, publish: Publish): Promise<Lifetime> {
  const from = performance.now()
  const process = worker(runKey, publish)
  await process.said(/started run/)
  const start = performance.now() - from
  expect((await process.ended).code).toBe(0)
  await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS, publish })
  return { start, work: performance.now() - from - start }
}

const seen = { noRow: 0, nothing: 0, partial: 0, done: 0 }

/** The state after each kill, to check that the points are spread. */
async function remember(runKey: string): Promise<void> {
  const { rows } = await client.query<{ status: string; records: number }>(
    `SELECT status, (SELECT count(*)::int FROM run_records q WHERE q.job_run_id = r.id) AS records
       FROM job_runs r WHERE run_key = $1`,
    [runKey],
  )
  const [run] = rows
  if (run === undefined) seen.noRow += 1
  else if (run.status === 'success') seen.done += 1
  else if (run.records === 0) seen.nothing += 1
  else seen.partial += 1
}

describe(`kill -9 at random points (${TRIALS} trials, RAPIDRMF_SEED=${SEED})`, () => {
  const random = randomFrom(SEED)
  const lives: Record<Publish, Lifetime> = { all: { start: 0, work: 0 }, none: { start: 0, work: 0 } }

  it('the time of an undisturbed run is measured', async () => {
    await lifetime('undisturbed', 'all')
    lives.all = await lifetime('undisturbed again', 'all')
    lives.none = await lifetime('undisturbed without results', 'none')
  })

  it.each(Array.from({ length: TRIALS }, (_, index) => index))(
    'trial %i: the same key finishes the run, with each record once',
    async (trial) => {
      const publish = trial % 4 < 2 ? 'all' : 'none'
      const life = lives[publish]
      const runKey = `trial-${SEED}-${trial}`
      // Each trial has its own part of the process's time, so that all of it is covered. A fifth of the trials is in the
      // start; the others count from the creation of the row, independent of the machine's load.
      const early = trial < TRIALS / 5
      const part = early
        ? (trial + random()) / (TRIALS / 5)
        : (trial - TRIALS / 5 + random()) / ((TRIALS * 4) / 5)
      const two = trial % 2 === 1
      const victims = [worker(runKey, publish), ...(two ? [worker(runKey, publish)] : [])]
      const restarts: CliProcess[] = []
      const [first, second] = victims
      // The other process may finish before this one has started.
      if (!early) await first?.said(/started run|resuming run/).catch(() => undefined)
      await sleep(part * (early ? life.start : life.work))
      first?.kill('SIGKILL')
      // With two processes, the other one is also killed in half of the trials, somewhat later.
      if (second !== undefined && random() < 0.5) {
        await sleep(random() * 200)
        second.kill('SIGKILL')
        await second.ended
      }
      await first?.ended
      await remember(runKey)
      restarts.push(worker(runKey, publish))
      const codes = await Promise.all([...restarts, ...victims.slice(1)].map(({ ended }) => ended))
      const [restarted] = codes
      expect(restarted, `${restarted?.stderr} (seed ${SEED})`).toMatchObject({ code: 0 })
      await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS, publish })
      await client.query(
        'DELETE FROM validation_results WHERE job_run_id IN (SELECT id FROM job_runs WHERE run_key = $1)',
        [runKey],
      )
    },
  )

  it.skipIf(TRIALS < 50)('the points are spread over the whole time of the process', () => {
    expect(seen.partial).toBeGreaterThan(TRIALS / 10)
  })

  it('no attempt and no session stays open', async () => {
    await sleep(1_100)
    expect((await worker('last', 'all').ended).code).toBe(0)
    const open = await client.query('SELECT FROM job_run_attempts WHERE ended_at IS NULL')
    expect(open.rows).toHaveLength(0)
    expect(await runSessions(client)).toBe(0)
    const closed = await client.query(
      `SELECT FROM job_runs WHERE status <> 'success' OR finished_at IS NULL OR verdict IS NULL`,
    )
    expect(closed.rows).toHaveLength(0)
    const taken = await client.query(
      'SELECT count(*)::int AS n, count(DISTINCT run_key)::int AS keys FROM job_runs',
    )
    expect(taken.rows).toEqual([{ n: TRIALS + 4, keys: TRIALS + 4 }])
  })

  afterAll(() => {
    process.stdout.write(
      `kill -9: ${TRIALS} trials, seed ${SEED}, start ${Math.round(lives.all.start)} ms, work ${Math.round(lives.all.work)} ms and ${Math.round(lives.none.work)} ms without results, ${availableParallelism()} cores; ` +
        `killed before a row ${seen.noRow}, before a result ${seen.nothing}, in the middle ${seen.partial}, after the close ${seen.done}\n`,
    )
  })
})
