import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { pruneResults } from '../../../../job-image/db/prune/prune.ts'
import { readResults } from '../../../../job-image/db/record/result-reads.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { addForeignResult, addRun, clearHistory, controlIds } from '../../../support/history.ts'
import type { Answer } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { seedWorld } from '../../../support/world.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'

const { client, url } = await createDatabase()
const systems = await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2', 'AC-10', 'SC-12'] })
const controls = await controlIds(client)
const [a, b] = systems as [number, number, number]

beforeEach(() => clearHistory(client))

const LIMIT = { olderThan: '100 days' }

async function all(sql: string): Promise<string[]> {
  const { rows } = await client.query<object>(sql)
  return rows.map((row) => JSON.stringify(row))
}

async function read(runId?: number): Promise<string[]> {
  const rows = []
  for await (const page of readResults(client, { runId })) rows.push(...page)
  return rows.map((row) => JSON.stringify(row))
}

async function readEach(runIds: readonly number[]): Promise<string[][]> {
  const all = []
  for (const id of runIds) all.push(await read(id))
  return all
}

const NEWEST_ROWS = `SELECT DISTINCT ON (system_id, control_id) id FROM validation_results WHERE job_run_id IS NOT NULL
                      ORDER BY system_id, control_id, job_run_id DESC`
const THEIRS = 'SELECT * FROM validation_results WHERE job_run_id IS NULL ORDER BY id'

/** A system's line in a run: nothing, an error, an answer of its own, or the last one taken over. */
const line = fc.oneof(
  { weight: 1, arbitrary: fc.constant('absent' as const) },
  { weight: 1, arbitrary: fc.constant('error' as const) },
  { weight: 1, arbitrary: fc.constant('pending' as const) },
  { weight: 3, arbitrary: fc.constant('own' as const) },
  { weight: 3, arbitrary: fc.constant('same' as const) },
)
/** All controls there were at the time, or a part of them. */
const look = fc.oneof(
  fc.record({ scope: fc.constant(null), ids: fc.subarray(controls) }),
  fc
    .subarray(controls)
    .filter(({ length }) => length < controls.length)
    .map((ids) => ({ scope: ids.join('+'), ids })),
)
const pastRun = fc.record({
  daysAgo: fc.constantFrom(300, 200, 150, 101, 99, 10),
  status: fc.constantFrom('success' as const, 'success' as const, 'failed' as const, 'running' as const),
  look,
  lines: fc.tuple(line, line, line),
})
const theirs = fc.record({
  systemId: fc.constantFrom(...systems),
  controlId: fc.constantFrom(...controls),
  validatedAt: fc.constantFrom(300, 199, 100, 1),
})
const histories = fc.record({
  runs: fc.array(pastRun, { maxLength: 7 }).map((runs) => runs.sort((x, y) => y.daysAgo - x.daysAgo)),
  foreign: fc.array(theirs, { maxLength: 4 }),
})
type History = typeof histories extends fc.Arbitrary<infer T> ? T : never

/** Writes it; returns the ids of the runs that are not to be touched. */
async function write({ runs, foreign }: History): Promise<number[]> {
  await clearHistory(client)
  const last = new Map<string, number>()
  const untouched: number[] = []
  for (const { lines, daysAgo, status, look } of runs) {
    const key = (systemId: number): string => `${systemId} ${look.scope} ${look.ids.join()}`
    const answers = lines.flatMap((each, index): Answer[] => {
      const systemId = systems[index]!
      const before = last.get(key(systemId))
      if (each === 'absent' || (each === 'same' && before === undefined)) return []
      if (each === 'error' || each === 'pending') return [{ systemId, state: each }]
      return [{ systemId, ...(each === 'same' ? { from: before! } : { controlIds: look.ids }) }]
    })
    const id = await addRun(client, { daysAgo, status, controlScope: look.scope, answers })
    for (const answer of answers) {
      if (answer.state === undefined) last.set(key(answer.systemId), answer.from ?? id)
    }
    if (status === 'running' || daysAgo < 100) untouched.push(id)
  }
  for (const row of foreign) await addForeignResult(client, row)
  return untouched
}

describe('pruning', () => {
  it('leaves the latest answers, young and running runs, rows of others and the newest of each control', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.constantFrom(1, 3, 10_000), async (history, batchSize) => {
        const untouched = await write(history)
        const everything = async (): Promise<unknown> => ({
          latest: await read(),
          runs: await readEach(untouched),
          queues: await all(
            `SELECT * FROM run_systems WHERE job_run_id IN (${[0, ...untouched].join()}) ORDER BY 1, 2`,
          ),
          rows: await all('SELECT id, status, started_at, finished_at, metrics FROM job_runs ORDER BY id'),
          newest: await all(NEWEST_ROWS),
          theirs: await all(THEIRS),
        })
        const before = await everything()
        const count = async (): Promise<number> => (await all('SELECT FROM validation_results')).length
        const stored = await count()
        const dry = await pruneResults(client, { ...LIMIT, batchSize, dryRun: true })
        expect(await count()).toBe(stored)
        const report = await pruneResults(client, { ...LIMIT, batchSize })
        expect(await everything()).toEqual(before)
        expect(stored - (await count())).toBe(report.results)
        expect({ ...report, cutoff: '', dryRun: false }).toEqual({ ...dry, cutoff: '', dryRun: false })
        expect(await pruneResults(client, LIMIT)).toMatchObject({ results: 0, systemRows: 0, runs: 0 })
      }),
      { numRuns: 100 },
    )
  }, 120_000)

  it('deletes what nothing needs, and says so in the row of the run', async () => {
    const old = await addRun(client, { daysAgo: 200, answers: [{ systemId: a, controlIds: controls }] })
    const young = await addRun(client, {
      daysAgo: 1,
      answers: [{ systemId: a, controlIds: controls.slice(1) }],
    })
    expect(await pruneResults(client, LIMIT)).toMatchObject({
      runs: 1,
      results: controls.length - 1,
      systemRows: 0,
    })
    // The one control that the young run does not have any more is the newest of its kind.
    const published = (run: number) => all(`SELECT id FROM validation_results WHERE job_run_id = ${run}`)
    expect(await published(old)).toHaveLength(1)
    expect(await published(young)).toHaveLength(controls.length - 1)
    // The record is whole as long as any of its results is needed.
    expect(await read(old)).toHaveLength(controls.length)
    expect(
      await all(`SELECT id FROM job_runs WHERE attributes ->> 'pruned_at' LIKE '____-__-__T%Z'`),
    ).toEqual([`{"id":${old}}`])
  })

  it('keeps what of an old run a newer one of some controls has not decided again', async () => {
    const full = await addRun(client, { daysAgo: 300, answers: [{ systemId: a, controlIds: controls }] })
    const scope = { controlScope: 'first', answers: [{ systemId: a, controlIds: controls.slice(0, 1) }] }
    const partial = await addRun(client, { daysAgo: 200, ...scope })
    const newest = await addRun(client, { daysAgo: 1, ...scope })
    expect(await pruneResults(client, LIMIT)).toMatchObject({ runs: 1, results: 1, systemRows: 1 })
    expect(await read(partial)).toEqual([])
    expect(
      (await read()).map((row) => (JSON.parse(row) as { runId: number }).runId).sort((x, y) => x - y),
    ).toEqual([full, full, full, newest])
  })

  it('keeps the newest word about a system, even when that is an error', async () => {
    const done = await addRun(client, { daysAgo: 300, answers: [{ systemId: a, controlIds: controls }] })
    const broken = await addRun(client, { daysAgo: 200, answers: [{ systemId: a, state: 'error' }] })
    expect(await pruneResults(client, LIMIT)).toMatchObject({ results: 0, systemRows: 0 })
    const kept = await all('SELECT job_run_id FROM run_systems ORDER BY 1')
    expect(kept).toEqual([`{"job_run_id":${done}}`, `{"job_run_id":${broken}}`])
  })

  it('never touches rows of runs that another program manages', async () => {
    const foreign = await addRun(client, {
      daysAgo: 300,
      runKey: null,
      answers: [{ systemId: a, controlIds: controls }],
    })
    await addRun(client, { daysAgo: 1, answers: [{ systemId: a, controlIds: controls }] })
    expect(await pruneResults(client, LIMIT)).toMatchObject({ results: 0, systemRows: 0 })
    expect(await read(foreign)).toHaveLength(controls.length)
  })

  it('passes over what a run that is being planned may be about to refer to', async () => {
    const old = await addRun(client, {
      daysAgo: 200,
      answers: [a, b].map((systemId) => ({ systemId, controlIds: controls })),
    })
    await addRun(client, {
      daysAgo: 1,
      answers: [a, b].map((systemId) => ({ systemId, controlIds: controls })),
    })
    const other = await connect({ url })
    await other.query('BEGIN')
    await other.query('SELECT FROM run_records WHERE job_run_id = $1 AND system_id = $2 FOR KEY SHARE', [
      old,
      a,
    ])
    expect(await pruneResults(client, LIMIT)).toMatchObject({ results: controls.length, systemRows: 1 })
    await disconnect(other)
    expect(await pruneResults(client, LIMIT)).toMatchObject({ results: controls.length, systemRows: 1 })
  })

  it('goes on beside a running job', async () => {
    const answers = systems.map((systemId) => ({ systemId, controlIds: controls }))
    for (let run = 0; run < 10; run += 1) await addRun(client, { daysAgo: 300 - run, answers })
    const pruner = await connect({ url })
    const [summary, report] = await Promise.all([
      executeRun(runRequest(url, { batchSize: 1 })),
      pruneResults(pruner, { ...LIMIT, batchSize: 2 }),
    ])
    await disconnect(pruner)
    expect(summary).toMatchObject({
      status: 'success',
      counts: { results: systems.length * controls.length },
    })
    expect(report.results).toBeGreaterThanOrEqual(9 * systems.length * controls.length)
    expect(await read(summary.runId!)).toHaveLength(systems.length * controls.length)
  })

  it('stops between batches when it is told to', async () => {
    for (let run = 0; run < 4; run += 1) {
      await addRun(client, { daysAgo: 300 - run, answers: [{ systemId: a, controlIds: controls }] })
    }
    const stop = new AbortController()
    const onProgress = (): void => stop.abort()
    const pruning = pruneResults(client, { ...LIMIT, batchSize: 1, signal: stop.signal, onProgress })
    await expect(pruning).rejects.toThrow(/stopped after 4 results of 1 run;/)
    expect(await all('SELECT FROM validation_results')).toHaveLength(3 * controls.length)
  })
})
