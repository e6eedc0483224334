import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ControlFigures } from '../../../../job-image/db/record/control-figures.ts'
import { listControlNames } from '../../../../job-image/db/inputs/control-names.ts'
import { storePlan } from '../../../../job-image/db/record/plans.ts'
import { loadRuleSet } from '../../../../job-image/rules/load.ts'
import { compilePlan } from '../../../../job-image/validation/decide.ts'
import { orderControls } from '../../../../job-image/run-view/run-figures.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { onTerminal } from '../../../support/terminal.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const second = await createDatabase()
const folder = createFolder()
folder.write(
  'config.yaml',
  `environments:\n  production: { database_url: "${url}" }\n  staging: { database_url: "${second.url}" }\n`,
)
const systems = await seedWorld(client, { systems: 3, controls: ['AC-10', 'AC-2', 'AU-3'] })
const { rows: controls } = await client.query<{ id: number; control_id: string }>(
  'SELECT id, control_id FROM controls ORDER BY id',
)
const idOf = (control: string): number => controls.find((each) => each.control_id === control)?.id ?? -1
const DELETED = 999_999

type Figures = readonly [pass: number, fail: number, insufficient: number, us: number]

/** Writes records in which the controls have these counts, and the time of each. */
async function addFigures(runId: number, figures: ReadonlyMap<number, Figures>): Promise<void> {
  const names = await listControlNames(client)
  const controls = [...figures.keys()].map((id) => {
    // A control that was deleted since: only the record knows its name.
    const { control = `ZZ-${id - DELETED + 1}`, catalog = 'old' } = names.get(id) ?? {}
    return { id, control, catalog, family: 'AC' }
  })
  const plan = compilePlan(loadRuleSet(), [])
  const digest = randomBytes(32)
  const controlSet = await storePlan(client, plan, digest, controls)
  await client.query(`UPDATE plans SET unknown = $2::varbit WHERE digest = $1`, [
    digest,
    '0'.repeat(controls.length),
  ])
  await client.query('UPDATE job_runs SET plan_digest = $2 WHERE id = $1', [runId, digest])
  const counts = [...figures.values()]
  const count = Math.max(...counts.map(([pass, fail, insufficient]) => pass + fail + insufficient))
  for (let system = 0; system < count; system += 1) {
    await client.query(
      `INSERT INTO run_records (job_run_id, system_id, decided_run_id, control_set_id, decided_at, pass, fail)
       VALUES ($1, $2, $1, $3, now(), $4::varbit, $5::varbit)`,
      [
        runId,
        1_000_000 + system,
        controlSet,
        counts.map(([pass]) => Number(system < pass)).join(''),
        counts.map(([pass, fail]) => Number(system >= pass && system < pass + fail)).join(''),
      ],
    )
  }
  for (const [controlId, [, , , us]] of figures) {
    await client.query(
      'INSERT INTO job_run_controls (job_run_id, control_id, decide_us) VALUES ($1, $2, $3)',
      [runId, controlId, us],
    )
  }
}

const cli = (...argv: readonly string[]) => runArgv(['runs', ...argv], { cwd: folder.path })
async function json(...argv: readonly string[]): Promise<Record<string, unknown>[]> {
  const { code, out, err } = await cli(...argv, '--json')
  if (code !== 0) throw new Error(err)
  return JSON.parse(out) as Record<string, unknown>[]
}
const names = (rows: readonly Record<string, unknown>[], key: string) => rows.map((row) => row[key])

beforeEach(async () => {
  await clearHistory(client)
  await clearHistory(second.client)
})

describe('runs controls', () => {
  async function exampleRun(): Promise<number> {
    const id = await addRun(client, { answers: [] })
    const example = new Map<number, Figures>([
      [idOf('AC-2'), [3, 0, 0, 9_007_199_254]],
      [idOf('AC-10'), [0, 1, 2, 17]],
      [idOf('AU-3'), [0, 0, 3, 1_234]],
      [DELETED, [2, 0, 1, 0]],
    ])
    await addFigures(id, example)
    return id
  }

  it('orders by time, by what is not met, and by name', async () => {
    const run = String(await exampleRun())
    expect(names(await json('controls', run), 'control')).toEqual(['AC-2', 'AU-3', 'AC-10', 'ZZ-1'])
    // As many results are not pass; AC-10 has one that fails.
    expect(names(await json('controls', run, '--sort', 'failing'), 'control')).toEqual([
      'AC-10',
      'AU-3',
      'ZZ-1',
      'AC-2',
    ])
    expect(names(await json('controls', run, '--sort', 'control'), 'control')).toEqual([
      'AC-2',
      'AC-10',
      'AU-3',
      'ZZ-1',
    ])
  })

  it('gives scripts every figure in its unit, and as many as they ask for', async () => {
    const run = String(await exampleRun())
    expect(await json('controls', run, '--limit', '1')).toEqual([
      {
        control_id: idOf('AC-2'),
        control: 'AC-2',
        catalog: 'nist-800-53-rev5',
        pass: 3,
        fail: 0,
        insufficient_evidence: 0,
        unknown: 0,
        decide_us: 9_007_199_254,
      },
    ])
  })

  it('is a table for people, the first twenty, which fits the terminal', async () => {
    const id = await addRun(client, { answers: [] })
    const deleted = Array.from({ length: 25 }, (_, n): [number, Figures] => [DELETED + n, [10, 0, 0, 25 - n]])
    await addFigures(id, new Map([...deleted, [idOf('AC-2'), [1, 2, 7, 5_678]]]))
    const { code, out } = await cli('controls', String(id))
    expect(code).toBe(0)
    expect(out).toMatch(/│ AC-2 +│ .*│ +1 │ +2 │ +7 │ +0 │ 5\.678 ms │/)
    expect(out).toMatch(/│ ZZ-1 +│ old /)
    expect(out.split('\n').filter((line) => line.startsWith('│'))).toHaveLength(1 + 20)
    expect(out).toMatch(/… and 6 more; --limit shows them\n$/)
    expect((await cli('controls', String(id), '--limit', '26')).out).not.toMatch(/more/)
    const lines = await onTerminal(80, ['runs', 'controls', String(id)], { DATABASE_URL: url })
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('adds up to what the run and its systems say', async () => {
    const { runId, counts } = await executeRun(runRequest(url))
    const controls = await json('controls', String(runId), '--sort', 'failing')
    const ofSystems = await json('systems', String(runId))
    const sum = (rows: readonly Record<string, unknown>[], key: string) =>
      rows.reduce((total, row) => total + (row[key] as number), 0)
    expect(controls).toHaveLength(counts.controls)
    for (const key of ['pass', 'fail', 'insufficient_evidence', 'unknown']) {
      expect(sum(controls, key)).toBe(sum(ofSystems, key))
    }
    expect(sum(controls, 'pass')).toBe(counts.pass)
    expect(sum(controls, 'insufficient_evidence')).toBe(counts.insufficientEvidence)
    expect(sum(controls, 'decide_us')).toBeGreaterThan(0)
  })

  it.each([
    ['another program', { runKey: null }, /made by another program/],
    ['a run in progress', { status: 'running' }, /is running and has no figures/],
    ['a run from before the table', {}, /older than the table/],
  ] as const)('says why there are none: %s', async (_, run, message) => {
    const id = String(await addRun(client, { ...run, answers: [] }))
    expect(await cli('controls', id)).toEqual({
      code: 0,
      out: '',
      err: expect.stringMatching(message) as string,
    })
    const scripted = await cli('controls', id, '--json')
    expect(scripted).toMatchObject({ code: 0, out: '[]\n', err: expect.stringMatching(message) as string })
  })

  it('asks which database is meant, and refuses what is no order', async () => {
    const id = String(await addRun(client, { answers: [] }))
    await addRun(second.client, { answers: [] })
    expect(await cli('controls', id)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--env') as string,
    })
    expect((await cli('controls', id, '--env', 'production')).code).toBe(0)
    expect((await cli('controls', id, '--sort', 'size')).code).toBe(2)
  })

  it('every order has the same rows, and equals stay in the order of their names', () => {
    const count = fc.integer({ min: 0, max: 2 })
    const row = fc.record({
      pass: count,
      fail: count,
      insufficient_evidence: count,
      unknown: count,
      decide_us: count,
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), (rows) => {
        const figures: ControlFigures[] = rows.map((each, index) => ({
          ...each,
          control_id: index,
          control: `AC-${index}`,
          catalog: null,
        }))
        const bad = (each: ControlFigures) => each.fail + each.insufficient_evidence + each.unknown
        for (const [order, weight] of [
          ['slowest', (each: ControlFigures) => each.decide_us],
          ['failing', (each: ControlFigures) => 100 * bad(each) + each.fail],
          ['control', () => 0],
        ] as const) {
          const ordered = orderControls(figures, order)
          expect(new Set(ordered)).toEqual(new Set(figures))
          for (const [index, each] of ordered.slice(1).entries()) {
            const before = ordered[index] as ControlFigures
            expect(weight(before)).toBeGreaterThanOrEqual(weight(each))
            if (weight(before) === weight(each)) expect(before.control_id).toBeLessThan(each.control_id)
          }
        }
      }),
    )
  })
})

describe('runs systems', () => {
  it('shows the worst first, or by name; those that could not be evaluated before all', async () => {
    const [first = 0, other = 0, third = 0] = systems
    const id = await addRun(client, {
      answers: [
        { systemId: first, controlIds: [idOf('AC-2')] },
        { systemId: other, state: 'error' },
        { systemId: third, controlIds: [idOf('AC-2')] },
      ],
    })
    await client.query(
      `UPDATE run_records SET insufficient_count = 2, pass_count = 0, decided_at = '2030-01-01' WHERE system_id = $1`,
      [third],
    )
    const order = async (...argv: string[]) => names(await json('systems', String(id), ...argv), 'system_id')
    expect(await order()).toEqual([other, third, first])
    expect(await order('--sort', 'system')).toEqual([first, other, third])
    expect((await order('--sort', 'latest', '--limit', '1'))[0]).toBe(third)
    expect((await json('systems', String(id), '--limit', '2'))[1]).toMatchObject({
      system: 'production-system-3',
      insufficient_evidence: 2,
      decided_at: '2030-01-01T00:00:00Z',
    })
    expect((await cli('systems', String(id))).out).toMatch(
      /│ production-system-3 │ done +│ +0 │ +0 │ +2 │ +0 │ +1 │/,
    )
  })

  it('says why there are none', async () => {
    const id = String(await addRun(client, { runKey: null, answers: [] }))
    expect(await cli('systems', id)).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringMatching(/another program/) as string,
    })
  })
})
