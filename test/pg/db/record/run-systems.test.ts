import { expect, it } from 'vitest'
import { listRunSystems } from '../../../../job-image/db/record/run-systems.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0, third = 0] = await seedWorld(client, { systems: 3, controls: ['AC-1'] })
const earlier = await addRun(client, { answers: [{ systemId: first }] })
const id = await addRun(client, {
  answers: [
    { systemId: third, state: 'error' },
    { systemId: first, from: earlier },
    { systemId: second, state: 'pending' },
  ],
})
await client.query(
  `UPDATE run_records SET error = 'refused', pass_count = 1, fail_count = 2, insufficient_count = 3, unknown_count = 4
    WHERE job_run_id = $1 AND system_id = $2`,
  [id, third],
)

it('the systems of a run come by name, with their counts and the run of their results', async () => {
  const systems = await listRunSystems(client, { id, attributes: {} })
  expect(systems.map(({ system, state, results_run_id }) => [system, state, results_run_id])).toEqual([
    ['production-system-1', 'done', earlier],
    ['production-system-2', 'pending', null],
    ['production-system-3', 'error', null],
  ])
  expect(systems[2]).toMatchObject({
    system_id: third,
    removed: false,
    error: 'refused',
    pass: 1,
    fail: 2,
    insufficient_evidence: 3,
    unknown: 4,
  })
})

it('a system that is gone has the name that its removal stored, or none', async () => {
  await client.query('DELETE FROM evidence')
  await client.query('DELETE FROM systems WHERE id <> $1', [second])
  const attributes = { removed_systems: { [first]: 'web-1', [second]: 'not this one', [third]: 5 } }
  const systems = await listRunSystems(client, { id, attributes })
  expect(systems.map(({ system_id, system, removed }) => [system_id, system, removed])).toEqual([
    [second, 'production-system-2', false],
    [first, 'web-1', true],
    [third, null, true],
  ])
  const plain = await listRunSystems(client, { id, attributes: { removed_systems: null } })
  expect(plain.map(({ system }) => system)).toEqual(['production-system-2', null, null])
})
