import { beforeEach, describe, expect, it } from 'vitest'
import { LONGEST_REFERENCE_DAYS, previousRecord } from '../../../../job-image/db/record/previous.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [system = 0, other = 0] = await seedWorld(client, { systems: 2, controls: ['AC-1', 'AC-2'] })
const controls = await controlIds(client)

beforeEach(() => clearHistory(client))

const evaluated = (daysAgo: number): Promise<number> =>
  addRun(client, { daysAgo, answers: [{ systemId: system, controlIds: controls }] })

async function controlSetOf(run: number): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    'SELECT control_set_id AS id FROM run_records WHERE job_run_id = $1',
    [run],
  )
  return rows[0]!.id
}

async function timeOf(run: number): Promise<string> {
  const { rows } = await client.query<{ at: string }>(
    'SELECT reference_time::text AS at FROM job_runs WHERE id = $1',
    [run],
  )
  return rows[0]!.at
}

type Question = {
  /** The run that looks for an earlier one; default: a later one than all. */
  readonly run?: number
  readonly systemId?: number
  readonly controlSet: number
  /** The run's reference time: PostgreSQL's text, UTC. */
  readonly referenceTime: string
}

/** The run whose record of the system may be referred to. */
async function previous({
  run = 1_000,
  systemId = system,
  controlSet,
  referenceTime,
}: Question): Promise<number | undefined> {
  const { rows } = await client.query<{ job_run_id: number }>(
    `SELECT p.job_run_id FROM (SELECT $2::int AS id) s CROSS JOIN LATERAL (${previousRecord('s.id', '$4::int')}) p`,
    [run, systemId, referenceTime, controlSet],
  )
  return rows[0]?.job_run_id
}

describe('the details of an earlier run', () => {
  it('may be referred to for less than 30 days, at the reference time', async () => {
    expect(LONGEST_REFERENCE_DAYS).toBe(30)
    const run = await evaluated(100)
    const controlSet = await controlSetOf(run)
    const later = async (interval: string): Promise<number | undefined> => {
      const { rows } = await client.query<{ at: string }>(
        'SELECT ($1::timestamp + $2::interval)::text AS at',
        [await timeOf(run), interval],
      )
      return previous({ controlSet, referenceTime: rows[0]!.at })
    }
    expect(await later('0')).toBe(run)
    expect(await later('29 days 23:59:59.999999')).toBe(run)
    expect(await later('30 days')).toBeUndefined()
  })

  it('count from the older of the runs that hold them', async () => {
    const old = await evaluated(40)
    const young = await evaluated(20)
    const newest = await evaluated(1)
    const question = { controlSet: await controlSetOf(newest), referenceTime: await timeOf(newest) }
    const refer = (column: string, run: number) =>
      client.query(`UPDATE run_records SET ${column} = $1 WHERE job_run_id = $2`, [run, newest])
    for (const column of ['decisions_run_id', 'inputs_run_id']) {
      await refer(column, young)
      expect(await previous(question)).toBe(newest)
      await refer(column, old)
      expect(await previous(question)).toBeUndefined()
      await refer(column, newest)
    }
  })

  it('are those of the newest record, of the same system', async () => {
    await evaluated(3)
    const newest = await evaluated(2)
    const question = { controlSet: await controlSetOf(newest), referenceTime: await timeOf(newest) }
    expect(await previous(question)).toBe(newest)
    expect(await previous({ ...question, systemId: other })).toBeUndefined()
  })

  it('are those of an earlier run, not of the run itself or a later one', async () => {
    const first = await evaluated(3)
    const second = await evaluated(2)
    const question = { controlSet: await controlSetOf(first), referenceTime: await timeOf(second) }
    expect(await previous({ ...question, run: second })).toBe(first)
    expect(await previous({ ...question, run: first })).toBeUndefined()
  })

  it('are passed over if the run could not evaluate the system', async () => {
    const run = await evaluated(3)
    await addRun(client, { daysAgo: 2, answers: [{ systemId: system, state: 'error' }] })
    const question = { controlSet: await controlSetOf(run), referenceTime: await timeOf(run) }
    expect(await previous(question)).toBe(run)
  })

  it('are of no use if the newest record is of other controls, even if one before it is of the same', async () => {
    const run = await evaluated(3)
    const question = { controlSet: await controlSetOf(run), referenceTime: await timeOf(run) }
    await addRun(client, {
      daysAgo: 2,
      controlScope: 'one',
      answers: [{ systemId: system, controlIds: controls.slice(1) }],
    })
    expect(await previous(question)).toBeUndefined()
  })

  it.each(['manifest', 'decisions'])('must still have the %s', async (part) => {
    const run = await evaluated(3)
    const question = { controlSet: await controlSetOf(run), referenceTime: await timeOf(run) }
    await client.query(`UPDATE run_details SET ${part} = NULL`)
    expect(await previous(question)).toBeUndefined()
  })

  it('may be in two runs: the decisions in one, the manifest in the other', async () => {
    const [decisions, inputs] = [await evaluated(4), await evaluated(3)]
    const run = await evaluated(2)
    const question = { controlSet: await controlSetOf(run), referenceTime: await timeOf(run) }
    await client.query('DELETE FROM run_details WHERE job_run_id = $1', [run])
    await client.query('UPDATE run_details SET manifest = NULL WHERE job_run_id = $1', [decisions])
    await client.query('UPDATE run_details SET decisions = NULL WHERE job_run_id = $1', [inputs])
    const refer = (toDecisions: number, toInputs: number) =>
      client.query('UPDATE run_records SET decisions_run_id = $2, inputs_run_id = $3 WHERE job_run_id = $1', [
        run,
        toDecisions,
        toInputs,
      ])
    await refer(decisions, inputs)
    expect(await previous(question)).toBe(run)
    await refer(inputs, decisions)
    expect(await previous(question)).toBeUndefined()
  })

  it('must be of the same system', async () => {
    const run = await evaluated(3)
    const question = { controlSet: await controlSetOf(run), referenceTime: await timeOf(run) }
    await client.query('UPDATE run_details SET system_id = $1', [other])
    expect(await previous(question)).toBeUndefined()
  })
})
