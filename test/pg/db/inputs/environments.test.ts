import { expect, it } from 'vitest'
import { listEnvironments } from '../../../../job-image/db/inputs/environments.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase('empty')

it('there is none without the tables, or without their column', async () => {
  expect(await listEnvironments(client)).toEqual([])
  await client.query('CREATE TABLE systems (name text)')
  expect(await listEnvironments(client)).toEqual([])
})

it('those of systems and of runs are listed once, by name', async () => {
  await client.query(`
    ALTER TABLE systems ADD environment varchar(50);
    INSERT INTO systems (environment) VALUES ('staging'), ('production'), (NULL), ('staging')`)
  expect(await listEnvironments(client)).toEqual(['production', 'staging'])
  await client.query(`CREATE TABLE job_runs AS SELECT unnest(ARRAY['production', 'edge']) AS environment`)
  expect(await listEnvironments(client)).toEqual(['edge', 'production', 'staging'])
})

it('a column that was dropped counts as missing', async () => {
  await client.query('ALTER TABLE job_runs DROP environment')
  expect(await listEnvironments(client)).toEqual(['production', 'staging'])
})
