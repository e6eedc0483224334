import { expect, it } from 'vitest'
import { runBreakdown } from '../../../../job-image/db/record/run-breakdown.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0, third = 0] = await seedWorld(client, {
  systems: 3,
  controls: ['AC-1', 'AC-2', 'AU-1'],
})
const [ac1 = 0, ac2 = 0, au1 = 0] = await controlIds(client)

it('a run has one row for each system and family, reused results included', async () => {
  const earlier = await addRun(client, {
    answers: [{ systemId: first, controlIds: [ac1, ac2, au1], status: 'FAIL' }],
  })
  const run = await addRun(client, {
    answers: [
      { systemId: second, controlIds: [ac1, ac2, au1] },
      { systemId: first, from: earlier },
      { systemId: third, state: 'error' },
    ],
  })
  // AC-2, the second control, does not pass.
  await client.query(
    'UPDATE run_records SET pass = set_bit(pass, 1, 0) WHERE job_run_id = $1 AND system_id = $2',
    [run, second],
  )
  expect(await runBreakdown(client, run)).toEqual([
    { system: 'production-system-1', family: 'AC', pass: 0, total: 2 },
    { system: 'production-system-1', family: 'AU', pass: 0, total: 1 },
    { system: 'production-system-2', family: 'AC', pass: 1, total: 2 },
    { system: 'production-system-2', family: 'AU', pass: 1, total: 1 },
  ])
  expect(await runBreakdown(client, run + 1)).toEqual([])
})
