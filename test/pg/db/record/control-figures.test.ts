import { beforeEach, expect, it } from 'vitest'
import { listControlFigures } from '../../../../job-image/db/record/control-figures.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0] = await seedWorld(client, {
  systems: 2,
  controls: ['AC-10', 'AC-2', 'AC-3', 'AC-4'],
})
const controls = await controlIds(client)
const [ac10 = 0, ac2 = 0, ac3 = 0, ac4 = 0] = controls
const NAME = { catalog: 'nist-800-53-rev5' }
const NONE = { pass: 0, fail: 0, insufficient_evidence: 0, unknown: 0, decide_us: 0 }

beforeEach(() => clearHistory(client))

/** A run of two systems. Of the four controls, in the order of their rows, the last one is unknown. */
async function run(): Promise<number> {
  const answers = [first, second].map((systemId) => ({ systemId, controlIds: controls }))
  const id = await addRun(client, { answers })
  await client.query(
    `UPDATE run_records SET pass = B'1000', fail = CASE system_id WHEN $2 THEN B'0100' END WHERE job_run_id = $1`,
    [id, first],
  )
  await client.query(`UPDATE plans SET unknown = B'0001'`)
  return id
}

it('each control has its counts over all systems and its time, in the natural order', async () => {
  const id = await run()
  await client.query(
    'INSERT INTO job_run_controls (job_run_id, control_id, decide_us) VALUES ($1, $2, 5), ($1, $3, 3000000000), ($4, $2, 9)',
    [id, ac10, ac4, await run()],
  )
  expect(await listControlFigures(client, id)).toEqual([
    { control_id: ac2, control: 'AC-2', ...NAME, ...NONE, fail: 1, insufficient_evidence: 1 },
    { control_id: ac3, control: 'AC-3', ...NAME, ...NONE, insufficient_evidence: 2 },
    { control_id: ac4, control: 'AC-4', ...NAME, ...NONE, unknown: 2, decide_us: 3_000_000_000 },
    { control_id: ac10, control: 'AC-10', ...NAME, ...NONE, pass: 2, decide_us: 5 },
  ])
})

it('a run that has evaluated no system has none', async () => {
  const id = await addRun(client, { answers: [{ systemId: first, state: 'error' }] })
  expect(await listControlFigures(client, id)).toEqual([])
  expect(await listControlFigures(client, id + 1)).toEqual([])
})

// Must be the last one: the controls and the catalog are changed for good.
it('a deleted control keeps its recorded name and comes last; others have the names of today', async () => {
  const id = await run()
  await client.query(`UPDATE catalogs SET name = 'renamed'`)
  await client.query('TRUNCATE validation_results')
  await client.query('DELETE FROM controls WHERE id = ANY ($1)', [[ac2, ac10]])
  const figures = await listControlFigures(client, id)
  expect(figures.map(({ control, catalog, pass, fail }) => [control, catalog, pass, fail])).toEqual([
    ['AC-3', 'renamed', 0, 0],
    ['AC-4', 'renamed', 0, 0],
    ['AC-10', 'nist-800-53-rev5', 2, 0],
    ['AC-2', 'nist-800-53-rev5', 0, 1],
  ])
})
