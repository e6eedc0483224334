import { expect, it } from 'vitest'
import { addControlTimes } from '../../../../job-image/db/runs/control-times.ts'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
await seedWorld(client, { systems: 1, controls: ['AC-1', 'AC-2', 'AC-3'] })
const [ac1 = 0, ac2 = 0, ac3 = 0] = await controlIds(client)

async function timesOf(id: number): Promise<[number, string][]> {
  const { rows } = await client.query<{ control_id: number; us: string }>(
    'SELECT control_id, decide_us::text AS us FROM job_run_controls WHERE job_run_id = $1 ORDER BY control_id',
    [id],
  )
  return rows.map(({ control_id, us }) => [control_id, us])
}

it('the times of all workers of a run are added up, per control', async () => {
  const run = (await getJobRun(client, await addRun(client, { answers: [] })))!
  const other = (await getJobRun(client, await addRun(client, { answers: [] })))!
  await addControlTimes(client, run, [
    { controlId: ac2, us: 7 },
    { controlId: ac1, us: 5_000_000_000 },
  ])
  await addControlTimes(client, other, [{ controlId: ac2, us: 1 }])
  await addControlTimes(client, run, [
    { controlId: ac3, us: 0 },
    { controlId: ac2, us: 4 },
  ])
  expect(await timesOf(run.id)).toEqual([
    [ac1, '5000000000'],
    [ac2, '11'],
    [ac3, '0'],
  ])
  expect(await timesOf(other.id)).toEqual([[ac2, '1']])
})

it('a run that is not in this database gets none', async () => {
  const run = (await getJobRun(client, await addRun(client, { answers: [] })))!
  await addControlTimes(client, { ...run, run_key: 'lost' }, [{ controlId: ac1, us: 1 }])
  expect(await timesOf(run.id)).toEqual([])
})
