import { expect, it } from 'vitest'
import { listSelectableSystems, listSystemsByEnvironment } from '../../../../job-image/db/inputs/systems.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
await client.query(`
  INSERT INTO systems (id, name, environment, created_at, attributes) VALUES
    (2, 'β-2', 'production', '2026-01-01', '{"tier": 1}'),
    (1, 'web-1', 'production', '2026-01-01', '[]'),
    (3, 'web-3', 'staging', '2026-01-01', '{}')`)

it('the systems of an environment come by id', async () => {
  expect(await listSystemsByEnvironment(client, 'production')).toEqual([
    { id: 1, name: 'web-1', environment: 'production' },
    { id: 2, name: 'β-2', environment: 'production' },
  ])
  expect(await listSystemsByEnvironment(client, 'prod')).toEqual([])
})

it('a selection has their attributes, as they are stored, only where it needs them', async () => {
  expect(await listSelectableSystems(client, 'production', false)).toEqual([
    { id: 1, name: 'web-1' },
    { id: 2, name: 'β-2' },
  ])
  expect(await listSelectableSystems(client, 'production', true)).toEqual([
    { id: 1, name: 'web-1', attributes: '[]' },
    { id: 2, name: 'β-2', attributes: '{"tier": 1}' },
  ])
})

it('a name that is not UTF-8 does not fail the others', async () => {
  const { client: ascii } = await createDatabase({ encoding: 'SQL_ASCII' })
  await ascii.query(String.raw`
    CREATE TABLE systems AS
      SELECT 1 AS id, E'web-\xff' AS name, 'production' AS environment, '{}'::json AS attributes
       UNION ALL SELECT 2, 'ü', 'production', '{}'`)
  expect(await listSelectableSystems(ascii, 'production', false)).toEqual([
    { id: 1, name: 'web-\ufffd' },
    { id: 2, name: 'ü' },
  ])
})
