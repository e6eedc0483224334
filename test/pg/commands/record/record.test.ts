import { beforeEach, describe, expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { clearHistory } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const folder = createFolder()
folder.write('config.yaml', `environments:\n  production: { database_url: "${url}" }\n`)
await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2', 'ZZ-1'], evidence: ['iam-policy'] })

const cli = (...argv: readonly string[]) => runArgv(argv, { cwd: folder.path })
const FIRST = 'system_id = (SELECT min(system_id) FROM run_records)'
let run = 0

beforeEach(async () => {
  await clearHistory(client)
  run = (await executeRun(runRequest(url))).runId!
})

describe('record verify', () => {
  it('says that a record is whole', async () => {
    expect(await cli('record', 'verify', 'latest')).toEqual({
      code: 0,
      out: `run ${run}: 3 systems checked: whole\n`,
      err: '',
    })
  })

  it.each([
    [
      `UPDATE run_details SET manifest = replace(manifest::text, 'iam', 'jam')::json WHERE ${FIRST}`,
      'the manifest of its evidence does not have the digest that was stored with it',
    ],
    [
      `UPDATE run_details SET decisions = replace(decisions::text, '"message":"', '"message":"Seen: ')::json WHERE ${FIRST}`,
      'its decisions do not have the digest that was stored with them',
    ],
    [`UPDATE run_records SET pass = ~pass WHERE ${FIRST}`, 'its counts are '],
    [`UPDATE run_records SET pass_count = pass_count + 1 WHERE ${FIRST}`, 'its counts are '],
    [
      `UPDATE run_records SET pass = NULL, fail = NULL WHERE ${FIRST}`,
      'its statuses, or the plan of its run, are missing',
    ],
    [`UPDATE run_records SET pass = B'1' WHERE ${FIRST}`, '1 bits are not the statuses of 3 controls'],
  ])('finds %s', async (damage, problem) => {
    await client.query(damage)
    const { code, out } = await cli('record', 'verify', String(run))
    expect(code).toBe(1)
    expect(out).toContain(`system "production-system-1": `)
    expect(out).toContain(problem)
    expect(out).not.toContain('production-system-2')
  })

  it('finds a record that is missing from a run', async () => {
    await client.query(`DELETE FROM run_records WHERE ${FIRST}`)
    const { code, out } = await cli('record', 'verify', String(run))
    expect(code).toBe(1)
    expect(out).toContain('the run counts 3 as systems; its records have 2')
  })

  it('checks all runs, and says which one is damaged', async () => {
    const second = (await executeRun(runRequest(url))).runId!
    await client.query(`UPDATE run_records SET fail = ~pass WHERE job_run_id = $1 AND ${FIRST}`, [second])
    const { code, out } = await cli('record', 'verify', '--all', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject([
      { run_id: run, systems: 3, without_details: 0, problems: [] },
      {
        run_id: second,
        systems: 3,
        problems: [
          expect.stringMatching(/production-system-1.*its counts are/),
          expect.stringMatching(/production-system-1.*the status of AC-1 is fail/),
        ],
      },
    ])
  })

  it('needs to know which runs', async () => {
    expect(await cli('record', 'verify')).toMatchObject({
      code: 2,
      err: 'rapidrmf: name one run (its id, or latest), or give --all\n',
    })
  })
})

it('results leave out a damaged record, name it and end with 1; those of other systems are there', async () => {
  await client.query(`UPDATE run_details SET decision_of = '\\x09' WHERE ${FIRST}`)
  const { code, out, err } = await cli('results', '--run', String(run), '--csv')
  expect(code).toBe(1)
  expect(err).toContain(`the record of run ${run} about system "production-system-1" cannot be read`)
  expect(out).not.toContain('production-system-1')
  expect(out.match(/production-system-[23]/g)).toHaveLength(6)
})
