import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { readResults } from '../../../../job-image/db/record/result-reads.ts'
import type { ResultFilter, ResultRow } from '../../../../job-image/db/record/result-reads.ts'
import type { Status } from '../../../../job-image/validation/model.ts'
import { createDatabase } from '../../../support/database.ts'
import { addForeignResult, addRun, clearHistory, controlIds } from '../../../support/history.ts'
import type { Answer } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: 3, controls: ['AC-10', 'AC-2', 'AC-2(1)', 'SC-12'] })
const controls = await controlIds(client)
const [first, second] = systems as [number, number, number]

beforeEach(() => clearHistory(client))

async function read(filter: ResultFilter = {}): Promise<ResultRow[]> {
  const rows = []
  for await (const page of readResults(client, filter)) rows.push(...page)
  return rows
}

const brief = ({ runId, system, control, status }: ResultRow): string =>
  [runId ?? 'theirs', system, control, status].join(' ')

/** The same question, asked the slow and obvious way: the history of one system, from its beginning. */
type Candidate = { runId: number | null; daysAgo: number; status: string }

function naiveLatest(
  history: readonly Step[],
  systemId: number,
): { all: number; answers: Map<number, Candidate> } {
  const answers = new Map<number, Candidate>()
  // Since when everything is judged.
  let all = Infinity
  for (const step of history) {
    const own = step.answers.find((answer) => answer.systemId === systemId && answer.state === undefined)
    if (own === undefined) continue
    if (step.scope === null) {
      answers.clear()
      all = step.daysAgo
    }
    const origin = history.find(({ runId }) => runId === (own.from ?? step.runId))
    const rows = origin?.answers.find((answer) => answer.systemId === systemId)
    for (const controlId of rows?.controlIds ?? []) {
      // An answer taken over is as new as the run that took it over.
      answers.set(controlId, {
        runId: origin?.runId ?? null,
        daysAgo: step.daysAgo,
        status: rows?.status ?? 'PASS',
      })
    }
  }
  return { all, answers }
}

type Step = {
  readonly runId: number
  readonly daysAgo: number
  readonly scope: string | null
  readonly answers: Answer[]
}

const STATUSES = ['PASS', 'FAIL', 'UNKNOWN']
const line = fc.oneof(
  fc.constant('absent' as const),
  fc.constant('error' as const),
  fc.constant('same' as const),
  fc.record({ status: fc.constantFrom(...STATUSES) }),
)
/** What runs look at: all controls, today's or those of an older catalog, or some. */
const SCOPES = [
  { scope: null, ids: controls },
  { scope: null, ids: controls.slice(1) },
  { scope: 'first', ids: controls.slice(0, 1) },
  { scope: 'first two', ids: controls.slice(0, 2) },
  { scope: 'last', ids: controls.slice(3) },
]
const worlds = fc.record({
  runs: fc.array(
    fc.record({
      status: fc.constantFrom('running' as const, 'success' as const, 'failed' as const),
      looks: fc.constantFrom(...SCOPES),
      lines: fc.tuple(line, line, line),
    }),
    { maxLength: 6 },
  ),
  foreign: fc.array(
    fc.record({
      systemId: fc.constantFrom(...systems),
      controlId: fc.constantFrom(...controls),
      // Between the runs, which are a day apart, and never at the same moment as one.
      validatedAt: fc.constantFrom(6.5, 4.5, 3.5, 2.5, 1.5, 0.5),
      status: fc.constantFrom(...STATUSES),
    }),
    { maxLength: 6 },
  ),
})
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never

async function write({ runs, foreign }: World): Promise<Step[]> {
  await clearHistory(client)
  const last = new Map<string, number>()
  const history: Step[] = []
  for (const [index, { status, looks, lines }] of runs.entries()) {
    const { scope, ids } = looks
    const key = (systemId: number): string => `${systemId} ${ids.join()}`
    const answers = lines.flatMap((each, at): Answer[] => {
      const systemId = systems[at]!
      const before = last.get(key(systemId))
      if (each === 'absent' || (each === 'same' && before === undefined)) return []
      if (each === 'error') return [{ systemId, state: 'error' }]
      if (each === 'same') return [{ systemId, from: before! }]
      return [{ systemId, controlIds: ids, status: each.status }]
    })
    const daysAgo = runs.length - index
    const runId = await addRun(client, { status, daysAgo, controlScope: scope, answers })
    for (const { systemId, state, from } of answers) {
      if (state === undefined) last.set(key(systemId), from ?? runId)
    }
    history.push({ runId, daysAgo, scope, answers })
  }
  for (const row of foreign) await addForeignResult(client, row)
  return history
}

/** What is to be shown: by name, then AC-2 before AC-2.1 before AC-10. */
function expected({ foreign }: World, history: Step[]): string[] {
  const order = ['AC-2', 'AC-2(1)', 'AC-10', 'SC-12']
  const idOf = new Map([
    ['AC-10', controls[0]!],
    ['AC-2', controls[1]!],
    ['AC-2(1)', controls[2]!],
    ['SC-12', controls[3]!],
  ])
  return systems.flatMap((systemId, index) => {
    const { all, answers } = naiveLatest(history, systemId)
    for (const row of foreign.filter((each) => each.systemId === systemId)) {
      const { controlId, validatedAt: daysAgo, status } = row
      // `<=`: of two rows of the same moment the later one wins. None of a run's is of such a moment.
      if (daysAgo <= Math.min(all, answers.get(controlId)?.daysAgo ?? Infinity))
        answers.set(controlId, { runId: null, daysAgo, status })
    }
    return order.flatMap((control) => {
      const row = answers.get(idOf.get(control)!)
      const name = control.replace('(1)', '.1')
      return row === undefined
        ? []
        : [`${row.runId ?? 'theirs'} production-system-${index + 1} ${name} ${row.status.toLowerCase()}`]
    })
  })
}

describe('the latest results', () => {
  it('are those of the newest run that decided the control, and newer rows of others', async () => {
    await fc.assert(
      fc.asyncProperty(
        worlds,
        fc.constantFrom<Status | undefined>(undefined, 'pass', 'fail'),
        fc.constantFrom(undefined, 1, 5),
        async (world, status, limit) => {
          const rows = expected(world, await write(world)).filter(
            (row) => status === undefined || row.endsWith(` ${status}`),
          )
          expect((await read({ status, limit })).map(brief)).toEqual(rows.slice(0, limit))
        },
      ),
      { numRuns: 150 },
    )
  }, 120_000)

  it('prefer our row when another program wrote one at the same moment, and a later microsecond to ours', async () => {
    const id = await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
    const stamp = async (shift: string) => {
      const { rows } = await client.query<{ at: string }>(
        `SELECT (max(validated_at) + $1::interval)::text AS at FROM validation_results WHERE job_run_id = $2`,
        [shift, id],
      )
      return rows[0]!.at
    }
    await addForeignResult(client, {
      systemId: first,
      controlId: controls[0]!,
      validatedAt: await stamp('0'),
    })
    await addForeignResult(client, {
      systemId: first,
      controlId: controls[1]!,
      validatedAt: await stamp('1 microsecond'),
    })
    expect((await read()).map(({ control, runId }) => [control, runId])).toEqual([
      ['AC-2', null],
      ['AC-2.1', id],
      ['AC-10', id],
      ['SC-12', id],
    ])
  })

  it('cope with infinite times and rows without a message', async () => {
    for (const validatedAt of ['-infinity', 'infinity', '2026-01-01']) {
      await addForeignResult(client, { systemId: first, controlId: controls[0]!, validatedAt, message: null })
    }
    await addForeignResult(client, { systemId: second, controlId: controls[0]!, validatedAt: '-infinity' })
    const rows = await read()
    expect(rows.map(({ runId, validatedAt, message }) => [runId, validatedAt, message])).toEqual([
      [null, 'infinity', null],
      [null, '-infinity', 'theirs'],
    ])
  })
})
