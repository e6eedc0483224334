import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  claimableSystems,
  queueSystems,
  requeueFailedSystems,
} from '../../../../job-image/db/record/queue.ts'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { connect, disconnect, inTransaction } from '../../../../job-image/db/session/client.ts'
import { DroppedRows } from '../../../../job-image/db/session/dropped-rows.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory } from '../../../support/history.ts'
import type { Answer } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const peer = await connect({ url })
afterAll(() => disconnect(peer))
const systems = await seedWorld(client, { systems: 4, controls: ['AC-1'] })
const [one = 0, two = 0, three = 0, four = 0] = systems
await seedWorld(client, { environment: 'staging', systems: 1, controls: ['AC-1'] })

beforeEach(() => clearHistory(client))

async function runOf(...answers: Answer[]): Promise<JobRun> {
  return (await getJobRun(client, await addRun(client, { status: 'running', answers })))!
}

async function queueOf(run: JobRun): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    'SELECT system_id AS id FROM run_queue WHERE job_run_id = $1 ORDER BY 1',
    [run.id],
  )
  return rows.map(({ id }) => id)
}

/** Work while a trigger drops the row of system three from the queue. */
async function dropping(work: () => Promise<unknown>): Promise<unknown> {
  await client.query(
    `CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN IF NEW.system_id = ${three} THEN RETURN NULL; END IF; RETURN NEW; END';
     CREATE TRIGGER hush BEFORE INSERT ON run_queue FOR EACH ROW EXECUTE FUNCTION hush()`,
  )
  try {
    return await inTransaction(client, work).catch((thrown: unknown) => thrown)
  } finally {
    await client.query('DROP FUNCTION hush CASCADE')
  }
}

describe('the queue of a run', () => {
  it('takes the systems of its environment, or those that are selected, once', async () => {
    const run = await runOf()
    expect(await queueSystems(client, run, 'production', [one, two])).toBe(2)
    expect(await queueSystems(client, run, 'production', [two, three])).toBe(1)
    expect(await queueSystems(client, run, 'production', [])).toBe(0)
    expect(await queueSystems(client, run, 'test')).toBe(0)
    expect(await queueOf(run)).toEqual([one, two, three])
    expect(await queueSystems(client, run, 'production')).toBe(1)
    expect(await queueOf(run)).toEqual(systems)
  })

  it('takes no system that the run has evaluated, or tried to; other runs do not count', async () => {
    const other = await runOf({ systemId: three, state: 'error' }, { systemId: four, state: 'pending' })
    const run = await runOf({ systemId: one, controlIds: [] }, { systemId: two, state: 'error' })
    expect(await queueSystems(client, run, 'production')).toBe(2)
    expect(await queueOf(run)).toEqual([three, four])
    expect(await queueOf(other)).toEqual([four])
  })

  it('takes nothing for a run that is not in this database', async () => {
    const run = await runOf()
    expect(await queueSystems(client, { ...run, run_key: 'lost' }, 'production')).toBe(0)
  })

  it('gets its failed systems back when the run is resumed, and no other', async () => {
    const other = await runOf({ systemId: one, state: 'error' })
    const run = await runOf(
      { systemId: one, state: 'error' },
      { systemId: two, controlIds: [] },
      { systemId: three, state: 'pending' },
    )
    await requeueFailedSystems(client, run)
    expect(await queueOf(run)).toEqual([one, three])
    expect(await queueOf(other)).toEqual([])
    const { rows } = await client.query(
      'SELECT state, error, decided_at FROM run_systems WHERE job_run_id = $1 AND system_id = $2',
      [run.id, one],
    )
    expect(rows).toEqual([{ state: 'pending', error: null, decided_at: null }])
  })

  it('does not lose a system to a trigger in silence', async () => {
    const run = await runOf({ systemId: three, state: 'error' }, { systemId: four, state: 'error' })
    const requeued = await dropping(() => requeueFailedSystems(client, run))
    expect(requeued).toBeInstanceOf(DroppedRows)
    expect(String(requeued)).toMatch(`does not hold 1 systems that run ${run.id} is to evaluate again`)
    const empty = await runOf()
    const queued = await dropping(() => queueSystems(client, empty, 'production'))
    expect(queued).toBeInstanceOf(DroppedRows)
    expect(String(queued)).toMatch(`does not hold 1 of the 4 systems that run ${empty.id} is to validate`)
    expect(await queueOf(empty)).toEqual([])
  })
})

describe('the systems that can be claimed', () => {
  it('are the next ones by id, or those that are selected', async () => {
    const run = await runOf(...[three, one, two].map((systemId) => ({ systemId, state: 'pending' as const })))
    await runOf({ systemId: four, state: 'pending' })
    expect(await claimableSystems(client, run, 2)).toEqual([one, two])
    expect(await claimableSystems(client, run, 9)).toEqual([one, two, three])
    expect(await claimableSystems(client, run, 9, [three, four])).toEqual([three])
    expect(await claimableSystems(client, { ...run, run_key: 'lost' }, 9)).toEqual([])
  })

  it('leave out what a peer has locked, without waiting', async () => {
    const run = await runOf(...[one, two, three].map((systemId) => ({ systemId, state: 'pending' as const })))
    await peer.query(`SET lock_timeout TO '1s'`)
    await inTransaction(client, async () => {
      expect(await claimableSystems(client, run, 2)).toEqual([one, two])
      expect(await claimableSystems(peer, run, 2)).toEqual([three])
    })
    expect(await claimableSystems(peer, run, 2)).toEqual([one, two])
  })
})
