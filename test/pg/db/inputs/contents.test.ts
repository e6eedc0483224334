import { expect, it } from 'vitest'
import { databaseContents, namesElsewhere } from '../../../../job-image/db/inputs/contents.ts'
import { createDatabase } from '../../../support/database.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()

it('an empty database, and one without tables, has no contents', async () => {
  expect(await databaseContents(client)).toEqual({ systems: [], controls: 0 })
  const { client: empty } = await createDatabase('empty')
  expect(await databaseContents(empty)).toEqual({ systems: [], controls: 0 })
})

it('the contents are the systems of each environment, by its name, and the controls', async () => {
  await seedWorld(client, { systems: 2, controls: ['AC-1', 'AC-2', 'AU-2'], environment: 'staging' })
  await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2', 'AU-2'] })
  expect(await databaseContents(client)).toEqual({
    systems: [
      { environment: 'production', count: 3 },
      { environment: 'staging', count: 2 },
    ],
    controls: 3,
  })
})

it('a table is counted where the other one is missing', async () => {
  const { client: part } = await createDatabase('empty')
  await part.query('CREATE TABLE controls AS SELECT 1 AS id')
  expect(await databaseContents(part)).toEqual({ systems: [], controls: 1 })
})

it('names of systems of other environments are found, in their order', async () => {
  const names = ['staging-system-2', 'production-system-1', 'staging-system-1', 'new']
  expect(await namesElsewhere(client, names, 'production')).toEqual(['staging-system-1', 'staging-system-2'])
  expect(await namesElsewhere(client, names, 'staging')).toEqual(['production-system-1'])
  expect(await namesElsewhere(client, [], 'staging')).toEqual([])
})
