import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { migrate, requireCurrentSchema } from '../../../../job-image/db/schema/schema.ts'
import { databaseStatus } from '../../../../job-image/db/schema/status.ts'
import { RunError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'

const SCHEMA = readFileSync(new URL('../../../support/rapidrmf-schema.sql', import.meta.url), 'utf8')

async function indexState(client: Client, index: string): Promise<string> {
  const { rows } = await client.query<{ valid: boolean }>(
    `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)`,
    [index],
  )
  return rows[0] === undefined ? 'missing' : rows[0].valid ? 'valid' : 'invalid'
}

describe('migrate', () => {
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
