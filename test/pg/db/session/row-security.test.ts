import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { listSystemsByEnvironment } from '../../../../job-image/db/inputs/systems.ts'
import { InputError, asError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { limitedRole } from '../../../support/limited-role.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { expectExactlyOnce } from '../../../support/run-check.ts'
import { seedWorld } from '../../../support/world.ts'

const database = await createDatabase()
const { client } = database
const url = await limitedRole(database, 100)
const role = new URL(url).username
await seedWorld(client, { systems: 3, controls: ['AC-2', 'AU-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

const POLICIES = [
  ['systems', `CREATE POLICY narrow ON systems USING (name NOT LIKE '%3')`],
  ['evidence', `CREATE POLICY narrow ON evidence USING (evidence_type <> 'audit-log')`],
  ['controls', `CREATE POLICY narrow ON controls USING (control_id = 'AU-2')`],
  ['control_requirements', 'CREATE POLICY narrow ON control_requirements USING (false)'],
  ['run_records', 'CREATE POLICY narrow ON run_records FOR INSERT WITH CHECK (true)'],
  ['validation_results', 'CREATE POLICY narrow ON validation_results USING (true)'],
] as const

async function enable(table: string, policy: string): Promise<void> {
  await client.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY; ${policy}`)
}
afterEach(async () => {
  for (const [table] of POLICIES) {
    await client.query(
      `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY; DROP POLICY IF EXISTS narrow ON ${table}`,
    )
  }
})

const runsThere = async (): Promise<number> => (await client.query('SELECT FROM job_runs')).rows.length

describe('policies that would leave rows out', () => {
  it.each(POLICIES)('of %s: a run is refused before it writes anything', async (table, policy) => {
    await enable(table, policy)
    const before = await runsThere()
    const { code, err } = await runArgv(['scheduler', 'once'], {
      cwd: folder.path,
      env: { DATABASE_URL: url, RAPIDRMF_OUTAGE: '1' },
    })
    expect(err).toMatch(new RegExp(`policies apply to role "${role}" on table ${table}: .*BYPASSRLS`))
    expect(code).toBe(2)
    expect(await runsThere()).toBe(before)
  })

  it('are an error for whoever only reads', async () => {
    await enable(...POLICIES[0])
    const session = await connect({ url })
    const error = await listSystemsByEnvironment(session, 'production').then(() => undefined, asError)
    await disconnect(session)
    expect(error?.message).toMatch(/row-level security policy for table "systems"/)
    await enable(...POLICIES[5])
    const { code, err } = await runArgv(['results'], { cwd: folder.path, env: { DATABASE_URL: url } })
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/BYPASSRLS/) as string })
  })

  it('behind a view, where they cannot be seen beforehand, break the run with the remedy', async () => {
    await enable(...POLICIES[1])
    await client.query(
      `ALTER TABLE evidence RENAME TO all_evidence;
       CREATE VIEW evidence AS SELECT * FROM all_evidence; ALTER VIEW evidence OWNER TO ${role}`,
    )
    const error = await executeRun(runRequest(url)).then(() => undefined, asError)
    await client.query('DROP VIEW evidence; ALTER TABLE all_evidence RENAME TO evidence')
    expect(error).toBeInstanceOf(InputError)
    expect(error?.message).toMatch(/table "all_evidence"; row-level security would omit rows silently/)
  })
})

describe('policies that do not apply', () => {
  afterAll(() => client.query(`ALTER ROLE ${role} NOBYPASSRLS`))

  it('to the role, because it may bypass them, keep no run from its end', async () => {
    for (const [table, policy] of POLICIES) await enable(table, policy)
    await client.query(`ALTER ROLE ${role} BYPASSRLS`)
    const runKey = 'bypass'
    await executeRun(runRequest(url, { runKey }))
    await expectExactlyOnce(client, runKey, 6)
  })
})
