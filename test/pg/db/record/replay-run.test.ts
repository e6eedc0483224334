import { beforeEach, describe, expect, it } from 'vitest'
import { NotReplayable, replayRun } from '../../../../job-image/db/record/replay-run.ts'
import type { SystemReplay } from '../../../../job-image/db/record/replay-run.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { clearHistory } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const [first = 0, second = 0] = await seedWorld(client, {
  systems: 2,
  controls: ['AC-1', 'AC-2', 'ZZ-1'],
  evidence: ['iam-policy', 'audit-log'],
})
let runId = 0

beforeEach(async () => {
  await clearHistory(client)
  runId = (await executeRun(runRequest(url))).runId!
})

async function replayed(run = runId, system?: string): Promise<SystemReplay[]> {
  const found = []
  for await (const page of replayRun(client, run, system)) found.push(...page)
  return found
}
const SECOND: SystemReplay = { system: 'production-system-2', differences: [] }
const problemOfFirst = async (): Promise<string | undefined> => {
  const [one, ...others] = await replayed()
  expect(others).toEqual([SECOND])
  expect(one?.differences).toEqual([])
  return one?.problem
}

describe('a replay of a run', () => {
  it('has every system, or one by name, without differences', async () => {
    expect(await replayed()).toEqual([{ system: 'production-system-1', differences: [] }, SECOND])
    expect(await replayed(runId, 'production-system-2')).toEqual([SECOND])
    expect(await replayed(runId, 'web')).toEqual([])
  })

  it('names the control, its catalog and both answers where they differ', async () => {
    await client.query(
      `UPDATE run_details SET decisions = replace(decisions::text, '"message":"', '"message":"Seen: ')::json WHERE system_id = $1`,
      [first],
    )
    const [one, ...others] = await replayed()
    expect(others).toEqual([SECOND])
    expect(one?.differences.map(({ control, catalog }) => [control, catalog])).toEqual([
      ['AC-1', 'nist-800-53-rev5'],
      ['AC-2', 'nist-800-53-rev5'],
      ['ZZ-1', 'nist-800-53-rev5'],
    ])
    for (const { stored, now } of one?.differences ?? []) {
      expect(stored).toEqual({ ...now, message: `Seen: ${now.message}` })
    }
  })

  it.each([
    [
      'the run could not evaluate it',
      `UPDATE run_records SET error = 'refused', pass = NULL, fail = NULL`,
      'the run could not evaluate it: refused',
    ],
    ['its record is gone', 'UPDATE run_records SET pass = NULL, fail = NULL', 'it has no record'],
    ['its details are gone', 'DELETE FROM run_details', 'its details were deleted for their age'],
    [
      'its manifest is gone',
      'UPDATE run_details SET manifest = NULL',
      'its details were deleted for their age',
    ],
    [
      'its decisions are gone',
      'UPDATE run_details SET decisions = NULL, decision_of = NULL',
      'its details were deleted for their age',
    ],
    [
      'the indexes of its decisions are gone',
      'UPDATE run_details SET decision_of = NULL',
      'its record cannot be read: the decisions and the index of each control are not both stored',
    ],
    [
      'its record is damaged',
      `UPDATE run_details SET decision_of = '\\x07'`,
      'its record cannot be read: 1 bytes are not the decisions of 3 controls',
    ],
  ])('says of a system that %s', async (_, change, problem) => {
    await client.query(`${change} WHERE system_id = ${first}`)
    expect(await problemOfFirst()).toBe(problem)
  })

  it('names a deleted system by its id', async () => {
    await client.query('BEGIN')
    await client.query('DELETE FROM validation_results')
    await client.query('DELETE FROM evidence')
    await client.query('DELETE FROM systems WHERE id = $1', [second])
    const names = (await replayed()).map(({ system }) => system)
    await client.query('ROLLBACK')
    expect(names).toEqual(['production-system-1', `(deleted, id ${second})`])
  })

  it('needs the plan of the run', async () => {
    const because = (message: string) => expect(replayed()).rejects.toThrow(new NotReplayable(message))
    await client.query(`UPDATE plans SET body = '{"version": 2}'`)
    await because('its plan cannot be read: the plan has version 2 of its stored form; this program reads 1')
    await client.query(`UPDATE job_runs SET plan_digest = '\\x00'`)
    await because('its plan cannot be read: it is no longer stored')
    await client.query('UPDATE job_runs SET plan_digest = NULL')
    await because('it was made before runs had records, or by another program')
  })
})
