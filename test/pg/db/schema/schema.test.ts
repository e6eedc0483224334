import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { migrationsDirectory } from '../../../../job-image/assets.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { migrate, requireCurrentSchema, schemaStatus } from '../../../../job-image/db/schema/schema.ts'
import { databaseStatus } from '../../../../job-image/db/schema/status.ts'
import { RunError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'

const SCHEMA = readFileSync(new URL('../../../support/rapidrmf-schema.sql', import.meta.url), 'utf8')

const INDEXES = [
  'ux_job_runs_run_key',
  'ux_job_runs_slot',
  'ux_job_runs_running',
  'ux_validation_results_run',
  'ix_validation_results_others',
]
const MIGRATIONS = readdirSync(migrationsDirectory())
  .map((file) => file.replace(/\.sql$/, ''))
  .sort()

/** Every column, index, constraint and sequence of the schema, as PostgreSQL spells them. */
async function schemaOf(client: Client): Promise<unknown> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
       FROM information_schema.columns WHERE table_schema = 'public'
      UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
      UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
                 WHERE connamespace = 'public'::regnamespace
      UNION ALL SELECT format('%s invalid', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid
      ORDER BY 1`,
  )
  return rows.map(({ line }) => line)
}

async function indexState(client: Client, index: string): Promise<string> {
  const { rows } = await client.query<{ valid: boolean }>(
    `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)`,
    [index],
  )
  return rows[0] === undefined ? 'missing' : rows[0].valid ? 'valid' : 'invalid'
}

describe('migrate', () => {
  it('makes every table in an empty database, and nothing the second time', async () => {
    const { client } = await createDatabase('empty')
    await expect(requireCurrentSchema(client)).rejects.toThrow(/run "rapidrmf db migrate" first/)
    expect(await migrate(client)).toEqual([...MIGRATIONS, ...INDEXES])
    expect(await migrate(client)).toEqual([])
    expect(await schemaStatus(client)).toMatchObject({ pending: [], unknown: [] })
  })

  it('is applied once when three processes start together', async () => {
    const { url } = await createDatabase('empty')
    const clients = await Promise.all([1, 2, 3].map(() => connect({ url })))
    const applied = await Promise.all(clients.map((client) => migrate(client)))
    expect(applied.map((names) => names.length).sort((a, b) => a - b)).toEqual([
      0,
      0,
      MIGRATIONS.length + INDEXES.length,
    ])
    await Promise.all(clients.map(disconnect))
  })

  it('finds nothing to do where the indexes came with the migrations, and the schema is the same', async () => {
    const [installed, fresh] = [await createDatabase('empty'), await createDatabase('empty')]
    for (const file of MIGRATIONS) {
      const text = readFileSync(join(migrationsDirectory(), `${file}.sql`), 'utf8')
      await installed.client.query(text.slice(0, text.indexOf('-- Down Migration')))
    }
    // As the migrations spelt them before the indexes were built apart.
    await installed.client.query(`
      CREATE UNIQUE INDEX ux_job_runs_run_key ON job_runs (run_key) WHERE run_key IS NOT NULL;
      CREATE UNIQUE INDEX ux_job_runs_slot ON job_runs (schedule_uid, slot_at)
        WHERE schedule_uid IS NOT NULL AND slot_at IS NOT NULL;
      CREATE UNIQUE INDEX ux_job_runs_running ON job_runs (schedule_uid)
        WHERE schedule_uid IS NOT NULL AND status = 'running';
      CREATE UNIQUE INDEX ux_validation_results_run ON validation_results (job_run_id, system_id, control_id)
        WHERE job_run_id IS NOT NULL;
      CREATE INDEX ix_validation_results_others ON validation_results (system_id, validated_at) WHERE job_run_id IS NULL;
      CREATE TABLE rapidrmf_migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)`)
    await installed.client.query(
      `INSERT INTO rapidrmf_migrations (name, run_on) SELECT unnest($1::text[]), now()`,
      [MIGRATIONS],
    )
    expect(await migrate(installed.client)).toEqual([])
    expect(await databaseStatus(installed.client)).toMatchObject({ ready: true, index_problems: [] })
    await migrate(fresh.client)
    expect(await schemaOf(installed.client)).toEqual(await schemaOf(fresh.client))
  })

  it('builds an index that is missing or was broken off; a run refuses to do without those it relies on', async () => {
    const { client } = await createDatabase()
    await client.query('DROP INDEX ix_validation_results_others, ux_validation_results_run')
    await expect(requireCurrentSchema(client)).rejects.toThrow(
      'the database is not migrated (missing: index ux_validation_results_run); run "rapidrmf db migrate" first',
    )
    const missing = await databaseStatus(client)
    expect(missing.ready).toBe(false)
    expect(missing.index_problems).toEqual([
      { index: 'ux_validation_results_run', table: 'validation_results', state: 'missing', required: true },
      {
        index: 'ix_validation_results_others',
        table: 'validation_results',
        state: 'missing',
        required: false,
      },
    ])
    expect(await migrate(client)).toEqual(['ux_validation_results_run', 'ix_validation_results_others'])

    // What a build that was broken off leaves; only the catalogs can make one at will.
    await client.query(
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_validation_results_others'::regclass`,
    )
    await requireCurrentSchema(client)
    expect((await databaseStatus(client)).index_problems).toMatchObject([{ state: 'invalid' }])
    expect(await migrate(client)).toEqual(['ix_validation_results_others'])
    expect(await indexState(client, 'ix_validation_results_others')).toBe('valid')
    expect(await migrate(client)).toEqual([])
  })

  it('indexes the large partitions of a table one by one, and takes their indexes over', async () => {
    const { client, url } = await createDatabase('empty')
    await client.query(SCHEMA)
    await client.query(`
      ALTER TABLE validation_results RENAME TO old;
      CREATE TABLE validation_results (LIKE old INCLUDING DEFAULTS) PARTITION BY LIST (system_id);
      CREATE TABLE one PARTITION OF validation_results FOR VALUES IN (1);
      CREATE TABLE rest PARTITION OF validation_results DEFAULT;
      INSERT INTO validation_results (system_id, control_id, status, message, evidence_keys, validated_at, attributes)
        SELECT 1, 1, 'PASS', repeat('m', 500), '[]', now(), '{}' FROM generate_series(1, 20000)`)
    const told: string[] = []
    await migrate(client, { onProgress: (message) => told.push(message) })
    const { rows } = await client.query<{ oid: number }>(`SELECT 'one'::regclass::oid::int AS oid`)
    const part = `ix_validation_results_others_${rows[0]?.oid}`
    expect(told).toContainEqual(`building index ${part} on one concurrently`)
    expect(told.join()).not.toContain(' on rest')
    expect(await databaseStatus(client)).toMatchObject({ ready: true, index_problems: [] })
    const parents = await client.query<{ parent: string }>(
      `SELECT inhparent::regclass::text AS parent FROM pg_inherits WHERE inhrelid = $1::regclass`,
      [part],
    )
    expect(parents.rows).toEqual([{ parent: 'ix_validation_results_others' }])
    await executeRun(runRequest(url))
  })

  it('gives up on transactions that do not end, says which, and builds the index anew afterwards', async () => {
    const { client, url } = await createDatabase()
    await client.query(`
      DROP INDEX ix_validation_results_others;
      INSERT INTO systems (id, name, environment, created_at, attributes) VALUES (1, 'a', 'production', now(), '{}');
      INSERT INTO catalogs (id, name, title, framework, loaded_at, attributes) VALUES (1, 'a', 'a', 'a', now(), '{}');
      INSERT INTO controls (id, catalog_id, control_id, title, family, attributes) VALUES (1, 1, 'AC-1', 'a', 'AC', '{}');
      INSERT INTO validation_results (system_id, control_id, status, message, evidence_keys, validated_at, attributes)
        SELECT 1, 1, 'PASS', repeat('m', 500), '[]', now(), '{}' FROM generate_series(1, 20000)`)
    const older = await connect({ url, applicationName: 'nightly report' })
    await older.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM systems')
    const told: string[] = []
    const late = migrate(client, { lockWait: 300, onProgress: (message) => told.push(message) })
    await expect(late).rejects.toThrow(RunError)
    await expect(late).rejects.toThrow(
      /did not end in time: pid \d+ \(nightly report, in a transaction since/,
    )
    expect(told).toEqual([expect.stringMatching(/; it waits for pid \d+ \(nightly report/)])
    expect(await indexState(client, 'ix_validation_results_others')).toBe('invalid')
    // Nobody else waits for what is waiting, and the next one is free to begin.
    await older.query('UPDATE validation_results SET message = NULL WHERE id = 1')
    await older.query('COMMIT')
    expect(await migrate(client)).toEqual(['ix_validation_results_others'])
    expect(await indexState(client, 'ix_validation_results_others')).toBe('valid')
    await disconnect(older)
  })
})
