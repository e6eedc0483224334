import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { migrationsDirectory } from '../../../job-image/assets.ts'
import { connect, disconnect } from '../../../job-image/db/client.ts'
import { migrate, requireCurrentSchema, schemaStatus } from '../../../job-image/db/schema.ts'
import { createDatabase } from '../../support/database.ts'

const MIGRATIONS = readdirSync(migrationsDirectory())
  .map((file) => file.replace(/\.sql$/, ''))
  .sort()

describe('migrate', () => {
  it('makes every table in an empty database, and nothing the second time', async () => {
    const { client } = await createDatabase('empty')
    await expect(requireCurrentSchema(client)).rejects.toThrow(/run "rapidrmf db migrate" first/)
    expect(await migrate(client)).toEqual(MIGRATIONS)
    expect(await migrate(client)).toEqual([])
    expect(await schemaStatus(client)).toMatchObject({ pending: [], unknown: [] })
  })

  it('is applied once when three processes start together', async () => {
    const { url } = await createDatabase('empty')
    const clients = await Promise.all([1, 2, 3].map(() => connect({ url })))
    const applied = await Promise.all(clients.map((client) => migrate(client)))
    expect(applied.map((names) => names.length).sort((a, b) => a - b)).toEqual([0, 0, MIGRATIONS.length])
    await Promise.all(clients.map(disconnect))
  })
})
