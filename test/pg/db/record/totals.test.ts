import { expect, it } from 'vitest'
import { runTotals } from '../../../../job-image/db/record/totals.ts'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: 5, controls: ['AC-1'] })
const [one = 0, two = 0, three = 0, four = 0, five = 0] = systems
const NO_COUNTS = { pass: 0, fail: 0, insufficientEvidence: 0, unknown: 0 }

it('the totals of a run are the sums over its own systems, and one reason of those that failed', async () => {
  await addRun(client, { answers: systems.map((systemId) => ({ systemId, state: 'pending' })) })
  await addRun(client, { answers: systems.map((systemId) => ({ systemId, state: 'error' })) })
  const id = await addRun(client, {
    answers: [
      { systemId: one, state: 'error' },
      { systemId: two, state: 'error' },
      { systemId: three, controlIds: [] },
      { systemId: four, controlIds: [] },
      { systemId: five, state: 'pending' },
    ],
  })
  const count = (systemId: number, counts: readonly number[]) =>
    client.query(
      `UPDATE run_records SET pass_count = $3, fail_count = $4, insufficient_count = $5, unknown_count = $6
        WHERE job_run_id = $1 AND system_id = $2`,
      [id, systemId, ...counts],
    )
  await count(three, [1, 2, 3, 4])
  await count(four, [10, 20, 30, 40])
  await client.query(
    `UPDATE run_records SET error = CASE system_id WHEN $2 THEN 'second reason' ELSE 'a reason' END
      WHERE job_run_id = $1 AND error IS NOT NULL`,
    [id, one],
  )
  const run = (await getJobRun(client, id))!
  expect(await runTotals(client, run)).toEqual({
    systems: 5,
    pending: 1,
    failedSystems: 2,
    error: 'a reason',
    counts: { pass: 11, fail: 22, insufficientEvidence: 33, unknown: 44 },
  })
  expect(await runTotals(client, { ...run, run_key: 'lost' })).toEqual({
    systems: 0,
    pending: 0,
    failedSystems: 0,
    error: null,
    counts: NO_COUNTS,
  })
})

it('a run that has evaluated nothing yet has no counts, and no error', async () => {
  const id = await addRun(client, { answers: systems.map((systemId) => ({ systemId, state: 'pending' })) })
  expect(await runTotals(client, (await getJobRun(client, id))!)).toEqual({
    systems: 5,
    pending: 5,
    failedSystems: 0,
    error: null,
    counts: NO_COUNTS,
  })
})
