import { expect, it } from 'vitest'
import { readPlanes } from '../../../../job-image/db/record/planes.ts'
import { bitAt } from '../../../../job-image/record/bits.ts'
import type { Bits } from '../../../../job-image/record/bits.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0, third = 0] = await seedWorld(client, {
  systems: 3,
  controls: ['AC-1', 'AC-2', 'AU-1'],
})
const controls = await controlIds(client)

const text = (bits: Bits | undefined): string | undefined =>
  bits && Array.from({ length: bits.length }, (_, index) => (bitAt(bits, index) ? '1' : '0')).join('')

it('the statuses of a run come by system, without systems that were not evaluated', async () => {
  const earlier = await addRun(client, { daysAgo: 2, answers: [{ systemId: first, controlIds: controls }] })
  const run = await addRun(client, {
    answers: [
      { systemId: second, controlIds: controls, status: 'FAIL' },
      { systemId: third, state: 'error' },
      { systemId: first, from: earlier },
    ],
  })
  await addRun(client, { answers: [{ systemId: first, controlIds: controls.slice(1) }] })
  const systems = await readPlanes(client, run)
  expect(systems.map(({ systemId, pass, fail }) => [systemId, text(pass), text(fail)])).toEqual([
    [first, '111', undefined],
    [second, '000', '111'],
  ])
  const { rows } = await client.query<{ id: number }>(
    'SELECT control_set_id AS id FROM run_records WHERE job_run_id = $1 AND system_id = $2',
    [run, second],
  )
  expect(systems.map(({ controlSetId }) => controlSetId)).toEqual([rows[0]?.id, rows[0]?.id])
})

it('the unknown controls are those of the plan of the run', async () => {
  const run = await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
  await client.query(
    `UPDATE plans SET unknown = B'010' WHERE digest = (SELECT plan_digest FROM job_runs WHERE id = $1)`,
    [run],
  )
  expect((await readPlanes(client, run)).map(({ unknown }) => text(unknown))).toEqual(['010'])
})

it('a run without a record has no statuses', async () => {
  const run = await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
  await client.query('UPDATE job_runs SET plan_digest = NULL WHERE id = $1', [run])
  expect(await readPlanes(client, run)).toEqual([])
  expect(await readPlanes(client, run + 1)).toEqual([])
})
