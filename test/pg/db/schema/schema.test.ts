import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { migrationsDirectory } from '../../../../job-image/assets.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { migrate, requireCurrentSchema, schemaStatus } from '../../../../job-image/db/schema/schema.ts'
import { databaseStatus } from '../../../../job-image/db/schema/status.ts'
import { createDatabase } from '../../../support/database.ts'

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
})
