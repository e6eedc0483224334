import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const other = await createDatabase()
const fresh = await createDatabase()
await seedWorld(client, { systems: 1, controls: ['AC-2'] })
await seedWorld(other.client, { environment: 'staging', systems: 1, controls: ['AC-2'] })
// An environment that has had a run and has no system any more, nor a place in the configuration.
await client.query(
  `INSERT INTO job_runs (job_type, environment, status, started_at, metrics, attributes)
   VALUES ('validation', 'retired', 'success', '2026-01-01', '{}', '{}')`,
)

const folder = createFolder()
folder.write('config.yaml', 'environments: { production: {}, staging: {} }\n')
folder.write(
  'urls.yaml',
  `environments: { production: { database_url: '${url}' }, staging: { database_url: '${other.url}' } }\n`,
)
folder.write(
  'notifying.yaml',
  `environments: { production: {} }
notifications: [{ name: ops, type: webhook, on: [always], url: 'https://example.com/' }]\n`,
)
folder.write('systems.yaml', 'systems: [{ name: a, environment: production }]\n')
const bare = createFolder()
bare.write('systems.yaml', 'systems: [{ name: a, environment: production }]\n')
bare.write('anywhere.yaml', 'systems: [{ name: a }]\n')

const READING = [
  'results',
  'results --status insufficient_evidence --json',
  'results --csv',
  'runs list --json',
  'scheduler runs',
  'runs show 1',
  'runs systems 1',
  'runs controls 1',
  'notify list',
]
const WHOLE_DATABASE = [
  'catalog list',
  'catalog import --builtin nist-800-53-rev5 --dry-run',
  'db status',
  'db migrate',
  'db widen-ids',
  'db prune --older-than 1y --dry-run',
  'inventory apply systems.yaml --dry-run',
]
const OF_THE_CONFIGURATION = [
  'scheduler once',
  'scheduler start',
  'config show',
  'config check',
  'notify test --config notifying.yaml',
  'notify flush --config notifying.yaml',
]

const run = (line: string, cwd: string, env: Record<string, string> = {}) =>
  runArgv(line.split(' '), { cwd, env: { RAPIDRMF_OUTAGE: '0', ...env } })

describe('a misspelt --env is refused', () => {
  it.each([...READING, ...WHOLE_DATABASE, ...OF_THE_CONFIGURATION])(
    '%s, with a configuration and DATABASE_URL',
    async (line) => {
      const { code, out, err } = await run(`${line} --env prodution`, folder.path, { DATABASE_URL: url })
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err).toMatch(/there is no environment "prodution" .*; did you mean "production"\?\n$/)
    },
  )

  it.each([...READING, ...WHOLE_DATABASE])('%s, without a configuration', async (line) => {
    const { code, out, err } = await run(`${line} --env prodution`, bare.path, { DATABASE_URL: url })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/there is no environment "prodution" in database .*; did you mean "production"\?\n$/)
  })

  it.each([...READING, ...WHOLE_DATABASE])('%s, with URLs in the configuration', async (line) => {
    const { code, out, err } = await run(`${line} --config urls.yaml --env prodution`, folder.path)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/urls.yaml: there is no environment "prodution" here; did you mean "production"\?\n$/)
  })

  it('config check --json, as a problem', async () => {
    const { code, out } = await run('config check --json --env prodution', folder.path)
    expect(code).toBe(2)
    expect(out).toMatch(/there is no environment \\"prodution\\"/)
  })
})

it('a misspelt --env makes no environment of systems whose file names none', async () => {
  const line = 'inventory apply anywhere.yaml --env prodution'
  const { code, err } = await run(line, bare.path, { DATABASE_URL: url })
  expect(code).toBe(2)
  expect(err).toMatch(/there is no environment "prodution" .*; did you mean "production"/)
  expect(await run(`${line} --dry-run`, bare.path, { DATABASE_URL: fresh.url })).toMatchObject({ code: 0 })
})

describe('an environment is known', () => {
  it('to the configuration, though nothing in the database is of it', async () => {
    expect(await run('results --env staging', folder.path, { DATABASE_URL: url })).toEqual({
      code: 0,
      out: '',
      err: 'no results\n',
    })
  })

  it('to the database, though not to the configuration', async () => {
    const { code, out } = await run('runs list --json --env retired', folder.path, { DATABASE_URL: url })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject([{ environment: 'retired' }])
  })

  it('whatever it is called to a database that is new, without a configuration', async () => {
    const env = { DATABASE_URL: fresh.url }
    expect(await run('results --env first', bare.path, env)).toMatchObject({ code: 0, err: 'no results\n' })
    expect(await run('db status --env first', bare.path, env)).toMatchObject({ code: 0 })
    const apply = 'inventory apply systems.yaml --env production --dry-run'
    expect(await run(apply, bare.path, { DATABASE_URL: other.url })).toMatchObject({ code: 0 })
  })

  it('to neither of them, if the database is new and there is a configuration', async () => {
    const { code, err } = await run('runs list --env first', folder.path, { DATABASE_URL: fresh.url })
    expect(code).toBe(2)
    expect(err).toMatch(
      /there is no environment "first" in \S*config\.yaml or database \S+; known here: production, staging\n$/,
    )
  })

  it('need not be said of a whole database', async () => {
    folder.write('staging.yaml', 'environments: { staging: {} }\n')
    const env = { DATABASE_URL: other.url }
    expect(await run('db status --config staging.yaml', folder.path, env)).toMatchObject({ code: 0 })
  })
})
