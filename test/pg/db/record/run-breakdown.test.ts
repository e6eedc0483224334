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
    answers: [{ systemId: first, controlIds: [ac1, ac2], status: 'FAIL' }],
  })
  const run = await addRun(client, {
    answers: [
      { systemId: second, controlIds: [au1, ac1, ac2] },
      { systemId: first, from: earlier },
      { systemId: third, state: 'error' },
    ],
  })
  await client.query(
    `UPDATE validation_results SET status = 'UNKNOWN' WHERE job_run_id = $1 AND control_id = $2`,
    [run, ac2],
  )
  expect(await runBreakdown(client, run)).toEqual([
    { system: 'production-system-1', family: 'AC', pass: 0, total: 2 },
    { system: 'production-system-2', family: 'AC', pass: 1, total: 2 },
    { system: 'production-system-2', family: 'AU', pass: 1, total: 1 },
  ])
  expect(await runBreakdown(client, run + 1)).toEqual([])
})
