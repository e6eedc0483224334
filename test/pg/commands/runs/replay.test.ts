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
const SYSTEMS = 3
const CONTROLS = ['AC-1', 'AC-2', 'ZZ-1']
await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS, evidence: ['iam-policy', 'audit-log'] })

const cli = (...argv: readonly string[]) => runArgv(['runs', 'replay', ...argv], { cwd: folder.path })
let run = 0

beforeEach(async () => {
  await clearHistory(client)
  run = (await executeRun(runRequest(url))).runId!
})

describe('runs replay', () => {
  it('says that a run would be answered in the same way', async () => {
    expect(await cli('latest', '--env', 'production')).toEqual({
      code: 0,
      out: `Run ${run}: equal: 3 systems evaluated again, with the same answers\n`,
      err: '',
    })
    const { out } = await cli(String(run), '--json')
    expect(JSON.parse(out)).toMatchObject({
      run_id: run,
      outcome: 'equal',
      systems: { equal: SYSTEMS, different: 0, not_replayable: 0 },
      differences: [],
    })
  })

  it('does not depend on what the database holds now', async () => {
    await client.query('UPDATE evidence SET evidence_type = $1', ['something-else'])
    await client.query(
      `INSERT INTO control_requirements (control_id, required_any, required_all) SELECT id, '["x"]', '[]' FROM controls`,
    )
    try {
      expect(await cli(String(run))).toMatchObject({ code: 0 })
    } finally {
      await client.query('DELETE FROM control_requirements')
    }
  })

  it('names the answers that differ, with both texts', async () => {
    await client.query(
      `UPDATE run_details SET decisions = replace(decisions::text, '"message":"', '"message":"Seen: ')::json
        WHERE system_id = (SELECT min(system_id) FROM run_details)`,
    )
    const { code, out } = await cli(String(run))
    expect(code).toBe(1)
    expect(out).toMatch(/^Run \d+: different: 1 system would be answered otherwise$/m)
    expect(out).toMatch(/production-system-1 AC-1\n {4}stored: +(\w+): Seen: (.*)\n {4}replayed: \1: \2\n/)
    expect(out).toMatch(/^2 systems equal$/m)
    expect(await cli(String(run), '--system', 'production-system-2')).toMatchObject({ code: 0 })
  })

  it('says which version a run was made with that another one answers otherwise', async () => {
    await client.query(
      `UPDATE job_runs SET attributes = (attributes::jsonb || '{"tool_version": "0.0.1"}')::json`,
    )
    await client.query(
      `UPDATE run_details SET decisions = replace(decisions::text, '"message":"', '"message":"Seen: ')::json`,
    )
    expect((await cli(String(run))).out).toMatch(/the run was made by version "0\.0\.1", this is \d/)
  })

  it('says why a system or a run cannot be replayed', async () => {
    await client.query('DELETE FROM run_details WHERE system_id = (SELECT min(system_id) FROM run_details)')
    const { code, out } = await cli(String(run))
    expect(code).toBe(2)
    expect(out).toContain('production-system-1: its details were deleted for their age')
    expect(out).toContain('2 systems equal')
    await client.query('UPDATE job_runs SET plan_digest = NULL')
    expect(await cli(String(run))).toMatchObject({
      code: 2,
      err: `rapidrmf: run ${run} cannot be replayed: it was made before runs had records, or by another program\n`,
    })
    await client.query(`UPDATE job_runs SET plan_digest = '\\x00'`)
    expect((await cli(String(run))).err).toContain('its plan cannot be read: it is no longer stored')
  })

  it('names a damaged record and goes on with the other systems', async () => {
    await client.query(
      `UPDATE run_details SET decision_of = '\\x07' WHERE system_id = (SELECT min(system_id) FROM run_details)`,
    )
    const { code, out } = await cli(String(run))
    expect(code).toBe(2)
    expect(out).toContain(
      'production-system-1: its record cannot be read: 1 bytes are not the decisions of 3 controls',
    )
    expect(out).toContain('2 systems equal')
  })

  it('refuses a system that the run has not evaluated', async () => {
    expect(await cli(String(run), '--system', 'web')).toMatchObject({
      code: 2,
      err: expect.stringContaining(`run ${run} has not evaluated a system called "web"`) as string,
    })
  })
})
