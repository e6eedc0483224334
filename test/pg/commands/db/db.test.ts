import { describe, expect, it } from 'vitest'
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

const db = (where: string, ...argv: string[]) =>
  runArgv(['db', ...argv], { cwd: import.meta.dirname, env: { DATABASE_URL: where } })

it('migrates an empty database once, with each migration by name', async () => {
  const empty = await createDatabase('empty')
  const { code, out } = await db(empty.url, 'migrate', '--json')
  expect(code).toBe(0)
  const { applied } = JSON.parse(out) as { applied: string[] }
  expect(applied[0]).toBe('0001_shared-tables')
  expect(await db(empty.url, 'migrate')).toMatchObject({ code: 0, out: 'up to date\n' })
  expect(JSON.parse((await db(empty.url, 'migrate', '--json')).out)).toEqual({ applied: [] })
})

it('names the applied migrations where people read them', async () => {
  const empty = await createDatabase('empty')
  expect((await db(empty.url, 'migrate')).out).toMatch(/^applied: 0001_shared-tables, 0002_/)
})

describe('the status of a database', () => {
  it('is ready after a migration, and says what is used', async () => {
    const ready = await createDatabase()
    const { code, out } = await db(ready.url, 'status')
    expect(code).toBe(0)
    const lines = Object.fromEntries(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(': ', 2)),
    ) as Record<string, string>
    expect(lines).toMatchObject({
      schema: 'public',
      encoding: 'UTF8',
      pending: 'none',
      'from a newer version': 'none',
      'shared tables': 'as needed',
      indexes: 'as needed',
      'ids of results': 'bigint',
    })
    expect(lines['applied']).toMatch(/^0001_shared-tables, /)
    expect(JSON.parse((await db(ready.url, 'status', '--json')).out)).toMatchObject({
      ready: true,
      pending: [],
    })
  })

  it('has pending migrations before one, with exit code 2', async () => {
    const empty = await createDatabase('empty')
    const { code, out } = await db(empty.url, 'status')
    expect(code).toBe(2)
    expect(out).toMatch(/^applied: none$/m)
    expect(out).toMatch(/^pending: 0001_shared-tables, /m)
    const json = await db(empty.url, 'status', '--json')
    expect(json.code).toBe(2)
    expect(JSON.parse(json.out)).toMatchObject({ ready: false, applied: [] })
  })

  it('names a missing index, another shape of a table and how far ids are used', async () => {
    const changed = await createDatabase()
    await changed.client.query(`
      ALTER TABLE validation_results ALTER COLUMN id TYPE integer;
      ALTER TABLE evidence DROP COLUMN expires_at`)
    const { code, out } = await db(changed.url, 'status')
    expect(code).toBe(2)
    expect(out).toMatch(/^shared tables: \d+ differences?$/m)
    expect(out).toMatch(/^ {2}.*expires_at.* \(affects: .*\)$/m)
    expect(out).toMatch(/^ids of results: integer, 0\.0 % used$/m)
  })

  it('names migrations of a newer version, and tables that are hidden', async () => {
    const newer = await createDatabase()
    await newer.client.query(`
      INSERT INTO rapidrmf_migrations (name, run_on) VALUES ('9999_later', now());
      CREATE SCHEMA other; CREATE TABLE other.job_runs (id integer)`)
    const { out } = await db(`${newer.url}?options=-csearch_path%3Dpublic,other`, 'status')
    expect(out).toMatch(/^from a newer version: 9999_later$/m)
    expect(out).toMatch(/^hidden by it: other\.job_runs$/m)
  })
})
