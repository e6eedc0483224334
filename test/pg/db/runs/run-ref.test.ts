import { expect, it } from 'vitest'
import { startJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { IS_RUN, OF_RUN, RUN_EXISTS, runParameters } from '../../../../job-image/db/runs/run-ref.ts'
import type { RunRef } from '../../../../job-image/db/runs/run-ref.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [system = 0] = await seedWorld(client, { systems: 1, controls: ['AC-1'] })
const run = await startJobRun(client, {
  jobType: 'validation',
  environment: 'production',
  attributes: {},
  runKey: 'k',
})
await client.query('INSERT INTO run_queue (job_run_id, system_id) VALUES ($1, $2)', [run.id, system])
await addRun(client, { answers: [{ systemId: system, state: 'pending' }] })

/** What each condition finds: the run, its existence, and its rows in the queue. */
async function found(ref: RunRef): Promise<unknown[]> {
  const rowsOf = async (sql: string): Promise<unknown[]> =>
    (await client.query<{ found: unknown }>(sql, runParameters(ref))).rows.map((row) => row.found)
  return [
    await rowsOf(`SELECT id AS found FROM job_runs WHERE ${IS_RUN}`),
    await rowsOf(`SELECT ${RUN_EXISTS} AS found`),
    await rowsOf(`SELECT system_id AS found FROM run_queue WHERE ${OF_RUN}`),
  ]
}

it('a run is found by its id, its key and its reference time together', async () => {
  expect(await found(run)).toEqual([[run.id], [true], [system]])
})

it.each<[string, Partial<RunRef>]>([
  ['another id', { id: run.id + 1 }],
  ['another key', { run_key: 'K' }],
  ['no key', { run_key: null }],
  ['another reference time', { reference_time: '2026-01-01 00:00:00' }],
  ['no reference time', { reference_time: null }],
])('no run is found by %s', async (_, changes) => {
  expect(await found({ ...run, ...changes })).toEqual([[], [false], []])
})

it('a run without a key and a reference time is found by having none', async () => {
  await client.query('UPDATE job_runs SET run_key = NULL, reference_time = NULL WHERE id = $1', [run.id])
  expect(await found({ ...run, run_key: null, reference_time: null })).toEqual([[run.id], [true], [system]])
})
