import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { migrate } from '../../../../job-image/db/schema/schema.ts'
import { MIGRATIONS_TABLE, SHARED_TABLES } from '../../../../job-image/db/schema/shared-tables.ts'
import type { DatabaseStatus } from '../../../../job-image/db/schema/status.ts'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'
import { columnsOf, publicTables } from '../../../support/tables.ts'

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')
const RAPIDRMF = read('test/support/rapidrmf-schema.sql')
const SHARED = Object.keys(SHARED_TABLES)
const INVENTORY = new URL('../../../../examples/inventory.yaml', import.meta.url).pathname

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
folder.write(
  'changed.yaml',
  'environment: production\nsystems: [{name: edge-1, description: the edge, attributes: {tier: "1"}}]\n',
)

/** An empty database with these tables, and the command line on it. */
async function databaseWith(...sql: string[]) {
  const database = await createDatabase('empty')
  for (const statement of sql) await database.client.query(statement)
  const env = { DATABASE_URL: database.url }
  const run = (argv: string): Promise<Ran> => runArgv(argv.split(' '), { cwd: folder.path, env })
  return { ...database, run }
}

/** What an installation can be asked, on one database after the other; what differs by nature is left out. */
async function answers(run: (argv: string) => Promise<Ran>): Promise<string[]> {
  const commands = [
    'db migrate',
    'catalog import --builtin nist-800-53-rev5',
    `inventory apply ${INVENTORY} --env production`,
    `inventory apply ${INVENTORY} --env production --prune`,
    'inventory apply changed.yaml',
    'inventory apply changed.yaml',
    'catalog import --builtin nist-800-53-rev5',
    'catalog list',
    'scheduler once --run-key a',
    'scheduler once --run-key b --incremental',
    'results --csv',
    'results --run 6 --system edge-1 --csv',
    'runs systems 6 --json',
    'runs controls 6 --sort control --json',
    'db prune --older-than 0h --yes',
    'db status',
  ]
  const texts: string[] = []
  for (const command of commands) {
    const { code, out, err } = await run(command)
    expect(code, `${command}: ${err}`).toBe(0)
    texts.push(`${command}\n${out}`)
  }
  return texts.map((text) =>
    text
      .replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, 'TIME')
      .replaceAll(/"decide_\w+": [\d.]+|ids of results: .*/g, ''),
  )
}

const ids = SHARED.map((table) => `ALTER TABLE ${table} ALTER id TYPE bigint;`)
const references = [...RAPIDRMF.matchAll(/CREATE TABLE (\w+) \([^;]*;/g)].flatMap(([text, table = '']) =>
  [...text.matchAll(/^ {2}(\w+) integer .*REFERENCES/gm)].map(
    ([, column]) => `ALTER TABLE ${table} ALTER ${column} TYPE bigint;`,
  ),
)
const retype = (from: string, to: string): string =>
  [...RAPIDRMF.matchAll(/CREATE TABLE (\w+) \([^;]*;/g)]
    .flatMap(([text, table = '']) =>
      [...text.matchAll(new RegExp(`^ {2}(\\w+) ${from}(?! zone)`, 'gm'))].map(
        ([, column]) =>
          `ALTER TABLE ${table} ALTER ${column} DROP DEFAULT; ALTER TABLE ${table} ALTER ${column} TYPE ${to} USING ${column}::${to};`,
      ),
    )
    .join('\n')
const defaults = `ALTER TABLE job_runs ALTER metrics SET DEFAULT '{}', ALTER attributes SET DEFAULT '{}';`

describe('tables of another shape that are as good', async () => {
  const { run } = await databaseWith(RAPIDRMF)
  const expected = await answers(run)

  const VARIANTS: [name: string, sql: string][] = [
    ['bigint ids', [...ids, ...references].join('\n')],
    [
      'times with a zone and jsonb, as SQLAlchemy may make them',
      `${retype('timestamp', 'timestamptz')}${retype('json', 'jsonb')}${defaults}`,
    ],
    ['a status that is a text', `ALTER TABLE validation_results ALTER status TYPE varchar(21)`],
    ['text for varchar', retype(String.raw`varchar\(\d+\)`, 'text')],
    [
      'domains of domains',
      `CREATE DOMAIN short AS varchar(300); CREATE DOMAIN name AS short; ALTER TABLE systems ALTER name TYPE public.name`,
    ],
    ['a sha256 of fixed length', `ALTER TABLE evidence ALTER sha256 TYPE char(64)`],
    [
      'columns of others, with defaults or NULL',
      SHARED.map(
        (table) => `ALTER TABLE ${table} ADD COLUMN owner text, ADD COLUMN team text NOT NULL DEFAULT 'x';`,
      ).join(''),
    ],
    [
      'results in partitions by system',
      `ALTER TABLE validation_results RENAME TO old_results;
       CREATE TABLE validation_results (LIKE old_results INCLUDING DEFAULTS) PARTITION BY HASH (system_id);
       CREATE TABLE validation_results_0 PARTITION OF validation_results FOR VALUES WITH (MODULUS 2, REMAINDER 0);
       CREATE TABLE validation_results_1 PARTITION OF validation_results FOR VALUES WITH (MODULUS 2, REMAINDER 1);
       INSERT INTO validation_results SELECT * FROM old_results;
       ALTER SEQUENCE validation_results_id_seq OWNED BY validation_results.id;
       DROP TABLE old_results`,
    ],
  ]
  it.each(VARIANTS)('%s', { timeout: 60_000 }, async (_, sql) => {
    const variant = await databaseWith(RAPIDRMF, sql)
    expect(await answers(variant.run)).toEqual(expected)
  })

  it('without any column that is not in the list', { timeout: 60_000 }, async () => {
    const { client, run: bare } = await databaseWith(RAPIDRMF)
    for (const { table, column } of await columnsOf(client, SHARED)) {
      if (SHARED_TABLES[table]?.columns[column] === undefined) {
        await client.query(`ALTER TABLE ${table} DROP COLUMN ${column} CASCADE`)
      }
    }
    expect(await answers(bare)).toEqual(expected)
  })

  it('inputs that are views', async () => {
    const views = ['systems', 'evidence', 'catalogs', 'controls', 'control_requirements']
    const { run: viewed } = await databaseWith(
      RAPIDRMF,
      views
        .map(
          (table) =>
            `ALTER TABLE ${table} RENAME TO ${table}_t; CREATE VIEW ${table} AS SELECT * FROM ${table}_t;`,
        )
        .join(''),
    )
    expect(await viewed('db migrate')).toMatchObject({ code: 0 })
    expect(await viewed('db status')).toMatchObject({ code: 0 })
    expect(await viewed('scheduler once')).toMatchObject({
      code: 0,
      out: expect.stringContaining('(2 systems, 3 controls)') as string,
    })
  })
})

describe('tables that cannot be used', () => {
  /** Refused with these lines, and nothing is made. */
  async function expectRefused(sql: string[], problems: readonly RegExp[]): Promise<void> {
    const { client, run } = await databaseWith(...sql)
    const before = await publicTables(client)
    const { code, err } = await run('db migrate')
    expect(code).toBe(2)
    const lines = err.trimEnd().split('\n')
    for (const problem of problems) expect(lines).toContainEqual(expect.stringMatching(problem))
    expect(lines).toHaveLength(problems.length + 1)
    expect(lines.at(-1)).toMatch(
      /docs\/tables\.md.*CREATE SCHEMA rapidrmf.*\?options=-csearch_path%3Drapidrmf/,
    )
    expect(await publicTables(client)).toEqual(before)
    const status = await run('db status --json')
    expect(status.code).toBe(2)
    expect((JSON.parse(status.out) as DatabaseStatus).table_problems).toHaveLength(problems.length)
    expect((await run('db status')).out).toMatch(/^shared tables: \d+ differences?$/m)
    const own = await run(`scheduler once --migrate`)
    expect(own.code).toBe(2)
  }

  it('of another program, all differences at once', async () => {
    await expectRefused(
      [
        'CREATE TABLE systems (id serial PRIMARY KEY, hostname text, env text); CREATE TABLE evidence (id serial PRIMARY KEY, system_id integer, url text)',
      ],
      [
        /^rapidrmf: systems\.name: found no such column, wanted character varying\(255\); ALTER TABLE systems ADD COLUMN name character varying\(255\)/,
        ...['description', 'environment', 'created_at', 'updated_at', 'attributes'].map(
          (column) => new RegExp(`systems\\.${column}: found no such column`),
        ),
        ...[
          'evidence_type',
          'key',
          'filename',
          'sha256',
          'size',
          'collected_at',
          'expires_at',
          'attributes',
        ].map((column) => new RegExp(`evidence\\.${column}: found no such column`)),
      ],
    )
  })

  it('with ids that are no integers', async () => {
    await expectRefused(
      ['CREATE TABLE systems (id uuid PRIMARY KEY, hostname text)'],
      [
        /systems\.id: found uuid, wanted integer/,
        ...['name', 'description', 'environment', 'created_at', 'updated_at', 'attributes'].map(
          (c) => new RegExp(`systems\\.${c}: `),
        ),
      ],
    )
  })

  const CASES: [name: string, sql: string, problem: RegExp][] = [
    [
      'a missing column',
      'ALTER TABLE catalogs DROP COLUMN oscal_path',
      /catalogs\.oscal_path: found no such column, wanted character varying\(500\); ALTER TABLE catalogs ADD COLUMN oscal_path/,
    ],
    [
      'a time that is a date',
      'ALTER TABLE evidence ALTER expires_at TYPE date',
      /evidence\.expires_at: found date, wanted timestamp/,
    ],
    [
      'a list that is an array',
      `ALTER TABLE control_requirements ALTER required_any TYPE text[] USING '{}'`,
      /control_requirements\.required_any: found text\[\], wanted json/,
    ],
    [
      'an environment that is padded',
      'ALTER TABLE systems ALTER environment TYPE char(50)',
      /systems\.environment: found character\(50\)/,
    ],
    [
      'a status that lacks a label',
      `DROP INDEX ix_validation_results_status; ALTER TABLE validation_results ALTER status TYPE text; DELETE FROM validation_results; CREATE TYPE fewer AS ENUM ('PASS', 'FAIL'); ALTER TABLE validation_results ALTER status TYPE fewer USING status::fewer`,
      /validation_results\.status: found fewer, wanted validationstatus/,
    ],
    [
      'a status that is too short',
      "UPDATE validation_results SET status = 'PASS'; ALTER TABLE validation_results ALTER status TYPE varchar(10)",
      /validation_results\.status: found character varying\(10\), wanted room for 21 characters/,
    ],
    [
      'a column of results that inserts do not fill',
      `ALTER TABLE validation_results ADD COLUMN assessor text NOT NULL DEFAULT ''; ALTER TABLE validation_results ALTER assessor DROP DEFAULT`,
      /validation_results\.assessor: found NOT NULL without a default.*give it a default/,
    ],
    [
      'a column of runs that is left empty',
      `UPDATE job_runs SET finished_at = started_at; ALTER TABLE job_runs ALTER finished_at SET NOT NULL`,
      /job_runs\.finished_at: found NOT NULL, wanted NULL allowed/,
    ],
    [
      'an id without a default',
      'ALTER TABLE job_runs ALTER id DROP DEFAULT',
      /job_runs\.id: found NOT NULL without a default/,
    ],
    [
      'a generated column',
      `ALTER TABLE validation_results DROP COLUMN message, ADD COLUMN message text GENERATED ALWAYS AS ('x') STORED`,
      /validation_results\.message: found generated always/,
    ],
    [
      'runs without a key',
      'ALTER TABLE job_runs DROP CONSTRAINT job_runs_pkey',
      /job_runs\.id: found no unique constraint on it alone, wanted a primary key.*ADD PRIMARY KEY/,
    ],
    [
      'a view that a missing table would refer to',
      'DROP TABLE validation_results, findings; ALTER TABLE systems RENAME TO s; CREATE VIEW systems AS SELECT * FROM s',
      /systems\.id: found a view, wanted a primary key/,
    ],
    [
      'runs that are a view',
      'ALTER TABLE job_runs RENAME TO j; CREATE VIEW job_runs AS SELECT * FROM j',
      /job_runs: found a view, wanted an ordinary table/,
    ],
    [
      'results in partitions by time',
      `ALTER TABLE validation_results RENAME TO r; CREATE TABLE validation_results (LIKE r INCLUDING DEFAULTS) PARTITION BY RANGE (validated_at)`,
      /validation_results: found a partitioned table by validated_at, wanted a table, or one partitioned by system_id, control_id/,
    ],
  ]
  it.each(CASES)('%s', async (_, sql, problem) => {
    await expectRefused([RAPIDRMF, sql], [problem])
  })

  it('a table by the name of one of this program, with what to do', async () => {
    const { client, run } = await databaseWith('CREATE TABLE baselines (id integer)')
    const { code, err } = await run('db migrate')
    expect(code).toBe(2)
    expect(err).toMatch(
      /the database refuses the migration: relation "baselines" already exists; .*schema of its own; nothing was changed/,
    )
    expect(await publicTables(client)).toEqual(['baselines', MIGRATIONS_TABLE].sort())
  })

  it('are named by the run that meets them, and listed by the status', async () => {
    const { client, run } = await databaseWith(RAPIDRMF)
    await migrate(client)
    await client.query('ALTER TABLE evidence DROP COLUMN collected_at')
    const { code, err } = await run('scheduler once')
    expect(err).toMatch(
      /column e\.collected_at does not exist; .*"rapidrmf db status" lists every difference/,
    )
    expect(code).toBe(2)
    const status = await run('db status')
    expect(status.code).toBe(2)
    expect(status.out).toMatch(
      /evidence\.collected_at: found no such column, wanted timestamp .* \(affects: run\)/,
    )
  })

  it('by one command alone hold up nothing else', async () => {
    const { client, run } = await databaseWith(
      RAPIDRMF,
      `ALTER TABLE systems ADD COLUMN owner text NOT NULL DEFAULT ''; ALTER TABLE systems ALTER owner DROP DEFAULT`,
    )
    expect(await run('db migrate')).toMatchObject({ code: 0 })
    expect(await run('scheduler once')).toMatchObject({ code: 0 })
    const status = await run('db status')
    expect(status).toMatchObject({ code: 0 })
    expect(status.out).toMatch(
      /systems\.owner: found NOT NULL without a default.* \(affects: inventory apply\)/,
    )
    const applied = await run(`inventory apply ${INVENTORY} --env production`)
    expect(applied).toMatchObject({
      code: 2,
      err: expect.stringMatching(/null value in column "owner"/) as string,
    })
    expect((await client.query('SELECT FROM systems')).rowCount).toBe(3)
  })
})
