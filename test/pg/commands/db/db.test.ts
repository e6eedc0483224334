import { expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()

async function widenIds(...argv: readonly string[]): Promise<unknown> {
  const env = { DATABASE_URL: url }
  const { code, out } = await runArgv(['db', 'widen-ids', ...argv], { cwd: import.meta.dirname, env })
  expect(code).toBe(0)
  return argv.includes('--json') ? (JSON.parse(out) as unknown) : out
}

it('says how it is, widens when told to, and then has nothing to do', async () => {
  await client.query(`ALTER TABLE validation_results ALTER COLUMN id TYPE integer`)
  await client.query(`SELECT setval('validation_results_id_seq', 1073741824)`)
  expect(await widenIds()).toMatch(/^ids are integer, 50\.0 % used; add --yes /)
  expect(await widenIds('--json')).toEqual({
    widened: false,
    result_ids: { last: 1_073_741_824, left: 1_073_741_823, used: expect.closeTo(0.5) as number },
  })
  expect(await widenIds('--json', '--yes')).toEqual({ widened: true, result_ids: null })
  expect(await widenIds('--json', '--yes')).toEqual({ widened: false, result_ids: null })
  expect(await widenIds('--yes')).toBe('the ids are bigint: nothing to do\n')
})

it.each([
  ['a sequence that the column does not own', 'ALTER SEQUENCE validation_results_id_seq OWNED BY NONE'],
  [
    'another sequence than the one that the column owns',
    `CREATE SEQUENCE others AS integer; ALTER TABLE validation_results ALTER id SET DEFAULT nextval('others')`,
  ],
  [
    'a bigint column with a sequence of integers',
    'ALTER TABLE validation_results ALTER id TYPE bigint; ALTER SEQUENCE validation_results_id_seq AS integer',
  ],
  [
    'ids that come from no sequence that the database knows of',
    `ALTER SEQUENCE validation_results_id_seq OWNED BY NONE; ALTER TABLE validation_results ALTER id SET DEFAULT nextval('validation_results_id_seq'::text)`,
  ],
])('counts and widens %s', async (name, sql) => {
  const { client: session, url: where } = await createDatabase()
  await session.query('ALTER TABLE validation_results ALTER id TYPE integer')
  await session.query(sql)
  await seedWorld(session, { systems: 1, controls: ['AC-2', 'AC-3', 'AU-2'] })
  const sequence = name.startsWith('another') ? 'others' : 'validation_results_id_seq'
  await session.query(`SELECT setval('${sequence}', 2147483600)`)
  // Without a sequence what is stored says it.
  await executeRun(runRequest(where))
  const ids = { last: 2_147_483_603, left: 44 }
  const env = { DATABASE_URL: where }
  const widen = async (...argv: string[]): Promise<Record<string, unknown>> => {
    const { code, out, err } = await runArgv(['db', 'widen-ids', '--json', ...argv], {
      cwd: import.meta.dirname,
      env,
    })
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(out) as Record<string, unknown>
  }
  expect(await widen()).toMatchObject({ result_ids: ids })
  expect(await widen('--yes')).toEqual({ widened: true, result_ids: null })
  expect(await widen('--yes')).toEqual({ widened: false, result_ids: null })
  await session.query(`SELECT setval('${sequence}', 2147483646)`)
  expect(await executeRun(runRequest(where))).toMatchObject({ counts: { results: 3, errors: 0 } })
})
