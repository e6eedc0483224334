import { beforeEach, describe, expect, it } from 'vitest'
import * as queries from '../../../../job-image/db/prune/prune-queries.ts'
import type { Query } from '../../../../job-image/db/prune/prune-queries.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const [first = 0, second = 0] = await seedWorld(client, { systems: 2, controls: ['AC-1', 'AC-2'] })
const [one = 0, two = 0] = await controlIds(client)
/** Runs that ended before it are old. */
const { rows: clock } = await client.query<{ cutoff: string }>(
  `SELECT (clock_timestamp() AT TIME ZONE 'UTC' - interval '5 days')::text AS cutoff`,
)
const cutoff = clock[0]!.cutoff

async function rowsOf({ text, values }: Query): Promise<unknown[]> {
  return (await client.query<object>({ text, values: [...values] })).rows
}
beforeEach(() => clearHistory(client))

it('systems with a history are read in pages', async () => {
  await addRun(client, { answers: [{ systemId: first }, { systemId: second }] })
  await addRun(client, { answers: [{ systemId: first }] })
  expect(await rowsOf(queries.systemIdsQuery(0, 1))).toEqual([{ system_id: first }])
  expect(await rowsOf(queries.systemIdsQuery(first, 10))).toEqual([{ system_id: second }])
  expect(await rowsOf(queries.systemIdsQuery(second, 10))).toEqual([])
})

it('the history of a system says what is old: ended runs of this program alone', async () => {
  const answers = [{ systemId: first, controlIds: [one, two] }]
  await addRun(client, { daysAgo: 9, answers })
  await addRun(client, { daysAgo: 9, status: 'failed', answers, controlScope: 'x' })
  await addRun(client, { daysAgo: 9, status: 'running', answers })
  await addRun(client, { daysAgo: 9, runKey: null, answers })
  await addRun(client, { daysAgo: 4, answers: [{ systemId: first, from: 1 }] })
  const history = await rowsOf(queries.historyQuery(cutoff, [first]))
  expect(history).toMatchObject([
    { runId: 1, old: true, scope: null, done: true, resultsRunId: 1, results: 2 },
    { runId: 2, old: true, scope: 'x' },
    { runId: 3, old: false },
    { runId: 4, old: false },
    { runId: 5, old: false, resultsRunId: 1, results: 2 },
  ])
})

describe('the results of an old run', () => {
  const doomed = (runId: number, newer: number) => ({ runIds: [runId], systemIds: [first], newer: [newer] })

  /** An old run of two controls; a newer one of some. */
  async function decidedAgain(...controls: number[]): Promise<void> {
    await addRun(client, { daysAgo: 9, answers: [{ systemId: first, controlIds: [one, two] }] })
    await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
  }

  it.each([
    ['the named run', 2],
    ['a run that is found', 0],
  ])('are removed where %s has them too, with the history row', async (_, newer) => {
    await decidedAgain(one, two)
    expect(await rowsOf(queries.countQuery(doomed(1, newer)))).toEqual([{ runId: 1, results: 2, systems: 1 }])
    expect(await rowsOf(queries.deleteAnswersQuery(doomed(1, newer)))).toEqual([])
    expect(await rowsOf(queries.deleteResultsQuery(doomed(1, newer)))).toEqual([{ runId: 1, results: 2 }])
    expect(await rowsOf(queries.deleteAnswersQuery(doomed(1, newer)))).toEqual([{ runId: 1, systems: 1 }])
  })

  it('are kept, with the history row, as far as they are the newest of a control', async () => {
    await decidedAgain(one)
    expect(await rowsOf(queries.countQuery(doomed(1, 2)))).toEqual([{ runId: 1, results: 1, systems: 0 }])
    expect(await rowsOf(queries.deleteResultsQuery(doomed(1, 2)))).toEqual([{ runId: 1, results: 1 }])
    expect(await rowsOf(queries.deleteAnswersQuery(doomed(1, 2)))).toEqual([])
    expect(await rowsOf(queries.deleteResultsQuery(doomed(1, 2)))).toEqual([])
  })

  it('are kept while a later run refers to them', async () => {
    await decidedAgain(one, two)
    await addRun(client, { answers: [{ systemId: first, from: 1 }] })
    expect(await rowsOf(queries.deleteResultsQuery(doomed(1, 2)))).toEqual([])
  })

  it('are not removed by an older run with the same controls', async () => {
    await decidedAgain(one, two)
    expect(await rowsOf(queries.deleteResultsQuery(doomed(2, 0)))).toEqual([])
  })
})

it('history rows that reuse results, and errors, are removed; those with results of their own are not', async () => {
  await addRun(client, {
    answers: [
      { systemId: first, controlIds: [one] },
      { systemId: second, state: 'error' },
    ],
  })
  await addRun(client, { answers: [{ systemId: first, from: 1 }] })
  const gone = await rowsOf(
    queries.deleteReferencesQuery({ runIds: [1, 1, 2], systemIds: [first, second, first] }),
  )
  expect(gone).toHaveLength(2)
  expect(gone).toEqual(expect.arrayContaining([1, 2].map((runId) => ({ runId, systems: 1 }))))
  const { rows } = await client.query('SELECT job_run_id, system_id FROM run_records')
  expect(rows).toEqual([{ job_run_id: 1, system_id: first }])
})

it('runs are locked if they are old, and history rows that another session holds are skipped', async () => {
  await addRun(client, { daysAgo: 9, answers: [{ systemId: first }, { systemId: second }] })
  await addRun(client, { daysAgo: 4, answers: [] })
  const planning = await connect({ url })
  await planning.query('BEGIN')
  await planning.query('SELECT FROM run_records WHERE system_id = $1 FOR KEY SHARE', [first])
  await client.query('BEGIN')
  expect(await rowsOf(queries.lockRunsQuery(cutoff, [1, 2]))).toEqual([{ id: 1 }])
  const both = { runIds: [1, 1], systemIds: [first, second], newer: [0, 2] }
  expect(await rowsOf(queries.lockAnswersQuery(both))).toEqual([{ runId: 1, systemId: second, newer: 2 }])
  await expect(planning.query('SELECT FROM job_runs WHERE id = 1 FOR UPDATE NOWAIT')).rejects.toThrow(
    /could not obtain lock/,
  )
  await client.query('ROLLBACK')
  await disconnect(planning)
})
