import { expect, it } from 'vitest'
import { listSystems } from '../../../../job-image/db/systems/system-list.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0, third = 0] = await seedWorld(client, { systems: 3, controls: ['AC-1'] })
await seedWorld(client, { systems: 1, environment: 'staging', controls: ['AC-1'], evidence: [] })
const done = await addRun(client, { daysAgo: 2, answers: [{ systemId: first }, { systemId: second }] })
const failed = await addRun(client, { daysAgo: 1, answers: [{ systemId: first, state: 'error' }] })
await addRun(client, { status: 'running', answers: [{ systemId: second, state: 'pending' }] })
await client.query(
  `UPDATE run_records SET pass_count = 5, fail_count = 1, insufficient_count = 2, unknown_count = 4
    WHERE job_run_id = $1 AND system_id = $2`,
  [done, second],
)
await client.query(`UPDATE systems SET description = 'the second' WHERE id = $1`, [second])

it('systems come by name, with their evidence and their newest run that evaluated them', async () => {
  const systems = await listSystems(client, { environment: 'production' })
  expect(systems).toMatchObject([
    {
      system: 'production-system-1',
      evidence: 8,
      description: null,
      last_run: { run_id: failed, state: 'error' },
    },
    {
      system: 'production-system-2',
      environment: 'production',
      description: 'the second',
      created_at: '2026-01-01 00:00:00',
      last_run: { run_id: done, state: 'done', pass: 5, not_pass: 7 },
    },
    { system: 'production-system-3', last_run: null },
  ])
  expect(systems.map(({ expired }) => expired)).toEqual(
    [first, second, third].map((id) => (id % 3 === 0 ? 1 : 0)),
  )
})

it('the filter is by environment and by pattern', async () => {
  const names = async (filter: Parameters<typeof listSystems>[1]): Promise<string[]> =>
    (await listSystems(client, filter)).map(({ system }) => system)
  expect(await names({})).toHaveLength(4)
  expect(await names({ environment: 'staging' })).toEqual(['staging-system-1'])
  expect(await names({ system: '*-system-1' })).toEqual(['production-system-1', 'staging-system-1'])
  expect(await names({ environment: 'production', system: 'production-system-2' })).toHaveLength(1)
})

it('evidence that expires later is not expired', async () => {
  await client.query(
    `UPDATE evidence SET expires_at = now() AT TIME ZONE 'UTC' + interval '1 h' WHERE system_id = $1`,
    [first],
  )
  await client.query(
    `UPDATE evidence SET expires_at = now() AT TIME ZONE 'UTC' - interval '1 s' WHERE system_id = $1`,
    [second],
  )
  const systems = await listSystems(client, { environment: 'production' })
  expect(systems.slice(0, 2).map(({ expired }) => expired)).toEqual([0, 8])
})
