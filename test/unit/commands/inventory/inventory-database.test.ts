import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inventoryDatabase } from '../../../../job-image/commands/inventory/inventory-database.ts'
import { parseInventory } from '../../../../job-image/inventory/inventory.ts'
import { createFolder } from '../../../support/run-command.ts'

const folder = createFolder()
folder.write(
  'config.yaml',
  `environments:
  production: { database_url: postgresql://main/rmf }
  test: { database_url: postgresql://main:5432/rmf }
  staging: { database_url: postgresql://other/rmf }
`,
)

/** The URL of the database for systems of these environments, with the flags of the command line. */
async function urlFor(
  environments: readonly string[],
  flags: { config?: string; env?: string; databaseUrl?: string } = {},
  env: Record<string, string> = {},
): Promise<string> {
  const systems = environments
    .map((name, index) => `  - { name: s${index}, environment: ${name} }\n`)
    .join('')
  const text = `systems:${systems === '' ? ' []' : `\n${systems}`}`
  const inventory = await parseInventory(text, join(folder.path, 'i.yaml'), flags.env)
  const options = { config: 'config.yaml', env: undefined, databaseUrl: undefined, ...flags }
  return inventoryDatabase(inventory, options, { env, cwd: folder.path }).url
}

describe('the database of an inventory', () => {
  test('is that of its environments, which may share one', async () => {
    expect(await urlFor(['staging'])).toContain('other')
    expect(await urlFor(['production', 'test', 'production'])).toContain('main')
  })

  test('is that of production without systems, else of the flag, and the URL comes first', async () => {
    expect(await urlFor([])).toContain('main')
    expect(await urlFor([], { env: 'staging' })).toContain('other')
    expect(await urlFor(['staging'], { databaseUrl: 'postgresql://third/rmf' })).toContain('third')
    expect(await urlFor(['staging', 'production'], {}, { DATABASE_URL: 'postgresql://third/rmf' })).toContain(
      'third',
    )
  })

  test('needs no configuration where the URL is known', async () => {
    const bare = { databaseUrl: 'postgresql://third/rmf' }
    const empty = createFolder()
    const inventory = await parseInventory(
      'systems: [{ name: a, environment: x }]',
      join(empty.path, 'i.yaml'),
      undefined,
    )
    const found = inventoryDatabase(
      inventory,
      { config: 'config.yaml', env: undefined, ...bare },
      { env: {}, cwd: empty.path },
    )
    expect(found).toMatchObject({ url: expect.stringContaining('third') as string, config: undefined })
  })
})

describe('an inventory is refused', () => {
  test('with each environment that the configuration does not have, once', async () => {
    const refused = urlFor(['prodction', 'prodction', 'elsewhere'])
    await expect(refused).rejects.toThrow(/"prodction" is not in .*config\.yaml; did you mean "production"\?/)
    await expect(refused).rejects.toMatchObject({ problems: { length: 2 } })
  })

  test('with environments of several databases', async () => {
    await expect(urlFor(['production', 'staging'])).rejects.toThrow(
      /i\.yaml:3:\d+: .*"staging" has another database than "production"; put its systems into a file of their own/,
    )
    await expect(urlFor(['staging'], { env: 'production' })).rejects.toThrow('"staging" has another database')
  })
})
