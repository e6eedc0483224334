import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { databaseStatus } from '../../../../job-image/db/schema/status.ts'
import type { DatabaseStatus } from '../../../../job-image/db/schema/status.ts'
import { createDatabase } from '../../../support/database.ts'

const { client, url } = await createDatabase()

/** The status after a change that is undone. */
async function statusAfter(sql: string): Promise<DatabaseStatus> {
  await client.query('BEGIN')
  await client.query(sql)
  const status = await databaseStatus(client)
  await client.query('ROLLBACK')
  return status
}

describe('the status of a database', () => {
  it('is ready where nothing has to be done', async () => {
    const status = await statusAfter('SELECT 1')
    expect(status).toMatchObject({
      ready: true,
      pending: [],
      unknown: [],
      schema: 'public',
      schema_problem: null,
      hidden: [],
      table_problems: [],
      encoding: 'UTF8',
      encoding_problem: null,
      index_problems: [],
    })
    expect(status.applied.length).toBeGreaterThan(0)
  })

  it.each([
    ['migration', `DELETE FROM rapidrmf_migrations WHERE name = (SELECT max(name) FROM rapidrmf_migrations)`],
    ['newer migration', `INSERT INTO rapidrmf_migrations (name, run_on) VALUES ('9999_new', now())`],
    ['index', 'DROP INDEX ix_validation_results_others'],
    ['column that a run needs', 'ALTER TABLE evidence DROP collected_at'],
  ])('is not ready with a missing or unknown %s', async (_, sql) => {
    expect((await statusAfter(sql)).ready).toBe(false)
  })

  it('names the indexes only of a fully migrated database', async () => {
    const drop = 'DROP INDEX ix_validation_results_others;'
    expect((await statusAfter(drop)).index_problems).toMatchObject([
      { index: 'ix_validation_results_others' },
    ])
    const older = await statusAfter(`${drop} DELETE FROM rapidrmf_migrations`)
    expect(older.index_problems).toEqual([])
    expect(older.pending.length).toBeGreaterThan(0)
  })

  it('is ready in spite of a table problem that affects no run', async () => {
    const status = await statusAfter('ALTER TABLE evidence ADD theirs integer NOT NULL')
    expect(status.table_problems).toHaveLength(1)
    expect(status.ready).toBe(true)
  })

  it('has the ids of results where they can run out', async () => {
    expect((await statusAfter('SELECT 1')).result_ids).toBeNull()
    const ids = await statusAfter(`ALTER TABLE validation_results ALTER id TYPE integer;
                                   SELECT setval('validation_results_id_seq', 7)`)
    expect(ids.result_ids).toMatchObject({ last: 7, left: 2_147_483_640 })
  })

  it('has the problem of its schema instead of one where none can be chosen', async () => {
    const { url: empty } = await createDatabase('empty')
    const session = await connect({ url: `${empty}?options=-csearch_path%3Dnot_there` })
    const status = await databaseStatus(session)
    expect(status).toMatchObject({ ready: false, schema: null })
    expect(status.schema_problem).toMatch(/search_path/)
    await disconnect(session)
  })

  it('names tables of another installation that are hidden', async () => {
    await client.query('CREATE SCHEMA own')
    const session = await connect({ url: `${url}?options=-csearch_path%3Down,public` })
    await session.query('CREATE TABLE own.job_run_controls ()')
    expect((await databaseStatus(session)).hidden).toEqual(['public.job_run_controls'])
    await session.query('DROP SCHEMA own CASCADE')
    await disconnect(session)
  })
})
