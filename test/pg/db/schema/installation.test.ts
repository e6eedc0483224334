import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { urlOption } from '../../../../job-image/db/schema/installation.ts'
import { migrate } from '../../../../job-image/db/schema/schema.ts'
import type { DatabaseStatus } from '../../../../job-image/db/schema/status.ts'
import { createDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'

const RAPIDRMF = readFileSync(new URL('../../../support/rapidrmf-schema.sql', import.meta.url), 'utf8')

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

type World = TestDatabase & {
  /** A role that owns the database and all that `setUp` made; it has the default search_path. */
  readonly role: string
  /** One command as this role; `options` go into the URL. */
  readonly run: (argv: string, schema?: string) => Promise<Ran>
  /** Schemas that hold a table of this name. */
  readonly schemasWith: (table: string) => Promise<string[]>
}

/** A database of a role's own. In `setUp`, {role} stands for its name and {tables} for the tables of an installation. */
async function world(setUp: string): Promise<World> {
  const database = await createDatabase('empty')
  const { client, name } = database
  const role = `rapid_${randomBytes(4).toString('hex')}`
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'canary'; ALTER DATABASE ${name} OWNER TO ${role}`)
  afterAll(() =>
    client.query(`REASSIGN OWNED BY ${role} TO postgres; DROP OWNED BY ${role}; DROP ROLE ${role}`),
  )
  const url = Object.assign(new URL(database.url), { username: role, password: 'canary' }).toString()
  const owner = await connect({ url })
  await client.query(`GRANT ALL ON SCHEMA public TO ${role}`)
  await owner.query(setUp.replaceAll('{role}', role).replaceAll('{tables}', RAPIDRMF))
  await disconnect(owner)
  return {
    ...database,
    role,
    run: (argv, schema) => {
      const options = schema === undefined ? '' : urlOption(schema)
      return runArgv(argv.split(' '), { cwd: folder.path, env: { DATABASE_URL: `${url}${options}` } })
    },
    schemasWith: async (table) => {
      const { rows } = await client.query<{ schema: string }>(
        `SELECT schemaname AS schema FROM pg_tables WHERE tablename = $1 ORDER BY 1`,
        [table],
      )
      return rows.map(({ schema }) => schema)
    },
  }
}

const EVERY_TABLE = ['systems', 'evidence', 'job_runs', 'run_records', 'rapidrmf_migrations']

/** Migrates, and every later session finds the installation's own two systems. */
async function expectMigratedIn(schema: string, { run, schemasWith }: World, chosen?: string): Promise<void> {
  const migrated = await run('db migrate', chosen)
  expect(migrated).toMatchObject({ code: 0, out: expect.stringMatching(/^applied: 0001/) as string })
  for (const table of EVERY_TABLE) expect([table, ...(await schemasWith(table))]).toEqual([table, schema])
  const { out } = await run('db status --json', chosen)
  expect(JSON.parse(out) as DatabaseStatus).toMatchObject({
    ready: true,
    schema,
    hidden: [],
    table_problems: [],
  })
  const once = await run('scheduler once', chosen)
  expect(once).toMatchObject({ code: 0, out: expect.stringContaining('(2 systems, 3 controls)') as string })
  expect(await run('db migrate', chosen)).toMatchObject({ code: 0, out: 'up to date\n' })
}

describe('an installation that exists is migrated where it is found', () => {
  it.each([
    ['in public, with a schema of the role before it', '{tables}; CREATE SCHEMA {role}', 'public'],
    [
      'in public, with another schema before it',
      '{tables}; CREATE SCHEMA app; ALTER ROLE {role} SET search_path TO app, public',
      'public',
    ],
    [
      'in the first schema of the path',
      'CREATE SCHEMA app; SET search_path TO app; {tables}; ALTER ROLE {role} SET search_path TO app, public',
      'app',
    ],
    [
      'in a schema with a strange name',
      'CREATE SCHEMA "My App.x"; SET search_path TO "My App.x"; {tables}; ALTER ROLE {role} SET search_path TO "My App.x"',
      'My App.x',
    ],
  ])('%s', async (_, setUp, schema) => {
    await expectMigratedIn(schema, await world(setUp))
  })

  it.each(['own', 'My App.x'])('in a schema that the URL chooses: %s', async (schema) => {
    const own = await world(`CREATE SCHEMA "${schema}"; SET search_path TO "${schema}"; {tables}`)
    await expectMigratedIn(schema, own, schema)
  })

  it('with a type of its own in a schema further down, which is not made again', async () => {
    const split = await world(
      `SET search_path TO public; {tables}; CREATE SCHEMA app; ALTER ROLE {role} SET search_path TO app, public;
       ${[
         'systems',
         'evidence',
         'catalogs',
         'controls',
         'control_requirements',
         'validation_results',
         'findings',
         'job_runs',
       ]
         .map((table) => `ALTER TABLE ${table} SET SCHEMA app`)
         .join(';')}`,
    )
    await expectMigratedIn('app', split)
    const { rows } = await split.client.query(
      `SELECT typnamespace::regnamespace::text AS schema FROM pg_type WHERE typname = 'validationstatus'`,
    )
    expect(rows).toEqual([{ schema: 'public' }])
  })

  it('and the session has its own search_path again', async () => {
    const { client, url } = await world('{tables}')
    await client.query(`CREATE SCHEMA app; GRANT ALL ON SCHEMA app TO public`)
    const session = await connect({ url })
    await session.query('SET search_path TO app, public')
    await migrate(session)
    expect((await session.query('SHOW search_path')).rows).toEqual([{ search_path: 'app, public' }])
    await disconnect(session)
  })
})

describe('an empty database is migrated in the first schema of the path', () => {
  it.each([
    ['public', '', undefined, 'public'],
    ["the role's own", 'CREATE SCHEMA {role}', undefined, '{role}'],
    ['the one that the URL names', 'CREATE SCHEMA own', 'own', 'own'],
  ])('%s', async (_, setUp, chosen, schema) => {
    const empty = await world(setUp)
    expect(await empty.run('db migrate', chosen)).toMatchObject({ code: 0 })
    for (const table of EVERY_TABLE) {
      expect(await empty.schemasWith(table)).toEqual([schema.replace('{role}', empty.role)])
    }
    expect(await empty.run('db status', chosen)).toMatchObject({ code: 0 })
  })

  it('and refused where the path has none', async () => {
    const { run, schemasWith } = await world('')
    const { code, err } = await run('db migrate', 'own')
    expect(code).toBe(2)
    expect(err).toMatch(/search_path of role "rapid_\w+" \(own\) names no schema .* create the schema/)
    expect(await schemasWith('systems')).toEqual([])
  })
})

it('tables of another role are left alone, with what to do', async () => {
  const { client, role, run, schemasWith } = await world('{tables}')
  await client.query(
    `REASSIGN OWNED BY ${role} TO postgres; GRANT ALL ON SCHEMA public TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  const { code, err } = await run('db migrate')
  expect(err).toMatch(
    /must be owner of table job_runs; run "rapidrmf db migrate" as the owner of the tables; nothing was changed/,
  )
  expect(code).toBe(2)
  expect(await schemasWith('run_records')).toEqual([])
})

describe('what is ambiguous is refused, and nothing is made', () => {
  const CASES: [name: string, setUp: string, message: RegExp][] = [
    [
      'tables that are spread',
      `{tables}; CREATE SCHEMA app; ALTER ROLE {role} SET search_path TO app, public; ALTER TABLE evidence SET SCHEMA app`,
      /spread over several schemas: "app" has evidence; "public" has .*systems.*search_path of role "rapid_\w+" is app, public\. Choose one schema by the database URL, \?options=-csearch_path%3DSCHEMA, or by ALTER ROLE "rapid_\w+" SET search_path/,
    ],
    [
      'an installation that hides another one',
      `{tables}; CREATE SCHEMA app; SET search_path TO app; {tables}; ALTER ROLE {role} SET search_path TO app, public`,
      /there are two installations: "app" has .*systems.*; "public" has .*systems.*the tables of "app" hide the others/,
    ],
    [
      'a table of another program that new tables would hide',
      'CREATE TABLE findings (id uuid); CREATE SCHEMA {role}',
      /the tables systems, job_runs of an installation are missing, but others exist: "public" has findings; new tables in "rapid_\w+" would hide them/,
    ],
    [
      'an installation outside of the path',
      `{tables}; CREATE SCHEMA app; ALTER ROLE {role} SET search_path TO app`,
      /an installation is outside of the search_path: "public" has .*systems.*To use it, add \?options=-csearch_path%3Dpublic .*or ALTER ROLE "rapid_\w+" SET search_path TO "public"; for an installation of its own beside it, run "rapidrmf db migrate" with \?options=-csearch_path%3Dapp/,
    ],
  ]
  it.each(CASES)('%s', async (_, setUp, message) => {
    const { client, run } = await world(setUp)
    const tables = async () =>
      (
        await client.query(
          `SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|inf)' ORDER BY 1, 2`,
        )
      ).rows
    const before = await tables()
    for (const command of ['db migrate', 'scheduler once --migrate']) {
      const { code, err } = await run(command)
      expect(err).toMatch(message)
      expect(code).toBe(2)
    }
    expect(await tables()).toEqual(before)
    const status = await run('db status')
    expect(status).toMatchObject({ code: 2, out: expect.stringMatching(/^schema: unclear: /) as string })
  })

  it('and can be chosen by the URL, each for itself', async () => {
    const { run, schemasWith, client } = await world(CASES.at(-1)![1])
    const missed = await run('scheduler once')
    expect(missed).toMatchObject({
      code: 2,
      err: expect.stringMatching(/an installation is outside of/) as string,
    })
    expect(await run('db migrate', 'app')).toMatchObject({ code: 0 })
    expect(await run('db migrate', 'public')).toMatchObject({ code: 0 })
    expect(await schemasWith('run_records')).toEqual(['app', 'public'])
    expect(await run('scheduler once', 'public')).toMatchObject({
      out: expect.stringContaining('2 systems') as string,
    })
    expect(await run('scheduler once', 'app')).toMatchObject({
      out: expect.stringContaining('has no systems') as string,
    })
    const { rows } = await client.query('SELECT count(*)::int FROM app.job_runs')
    expect(rows).toEqual([{ count: 1 }])
  })

  it('tables of other programs by one of the common names are no installation', async () => {
    const { run } = await world(
      `CREATE SCHEMA crm; CREATE TABLE crm.systems (id uuid); CREATE SCHEMA qa; CREATE TABLE qa.findings (id uuid)`,
    )
    expect(await run('db migrate')).toMatchObject({ code: 0 })
  })
})

/** Takes back the newest migration, by its own statements. */
const WITHOUT_RECORD = `${readFileSync('migrations/0005_record.sql', 'utf8').split('-- Down Migration')[1]};
  DELETE FROM rapidrmf_migrations WHERE name = '0005_record'`

describe('a database that was migrated before', () => {
  it('stays in its schema when one of the role is made later', async () => {
    const old = await world('{tables}')
    expect(await old.run('db migrate')).toMatchObject({ code: 0 })
    // As an older version left it: the newest migration is still to come.
    await old.client.query(
      `SET ROLE ${old.role}; ${WITHOUT_RECORD}; RESET ROLE; CREATE SCHEMA ${old.role} AUTHORIZATION ${old.role}`,
    )
    expect(await old.run('db migrate')).toMatchObject({ code: 0, out: 'applied: 0005_record\n' })
    expect(await old.schemasWith('run_records')).toEqual(['public'])
  })

  it('goes on where its tables hide an installation, and its status names what they hide', async () => {
    const shadowed = await world(`{tables}; CREATE SCHEMA {role}`)
    const path = shadowed.role
    expect(await shadowed.run('db migrate', path)).toMatchObject({ code: 0 })
    expect(await shadowed.run('db migrate')).toMatchObject({ code: 0, out: 'up to date\n' })
    const { code, out } = await shadowed.run('db status')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^schema: ${path}\nhidden by it: .*public\\.systems`))
    await shadowed.client.query(
      `SET search_path TO ${path}; SET ROLE ${path}; ${WITHOUT_RECORD}; RESET ROLE; RESET search_path`,
    )
    expect(await shadowed.run('db migrate')).toMatchObject({ code: 0, out: 'applied: 0005_record\n' })
    expect(await shadowed.schemasWith('run_records')).toEqual([path])
  })
})
