import { afterAll, describe, expect, it } from 'vitest'
import { withDatabases } from '../../../../job-image/commands/shared/databases.ts'
import { createDatabase } from '../../../support/database.ts'
import { collectOutput, createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const other = await createDatabase()
await seedWorld(client, { systems: 1, controls: ['AC-2'] })
await seedWorld(other.client, { environment: 'staging', systems: 1, controls: ['AC-2'] })

const folder = createFolder()
folder.write('config.yaml', 'environments: { production: {}, staging: {} }\n')
folder.write(
  'urls.yaml',
  `environments: { production: { database_url: '${url}' }, staging: { database_url: '${other.url}' } }\n`,
)

const run = (line: string, cwd: string, env: Record<string, string> = {}) =>
  runArgv(line.split(' '), { cwd, env: { RAPIDRMF_OUTAGE: '0', ...env } })

describe('an error names the database that failed', () => {
  const role = `reader_${process.pid}`
  const asReader = (text: string) =>
    Object.assign(new URL(text), { username: role, password: 'x' }).toString()
  const named = (text: string) => `${new URL(text).host}${new URL(text).pathname}`
  afterAll(() => client.query(`DROP ROLE ${role}`))

  it.each(['results', 'runs list', 'notify list', 'runs show 1', 'runs systems 1'])('%s', async (line) => {
    await client.query(
      `DO $$ BEGIN CREATE ROLE ${role} LOGIN PASSWORD 'x'; EXCEPTION WHEN duplicate_object THEN END $$`,
    )
    const config = (production: string, staging: string) =>
      folder.write(
        'two.yaml',
        `environments: { production: { database_url: '${production}' }, staging: { database_url: '${staging}' } }\n`,
      )
    config(url, asReader(other.url))
    const second = await run(`${line} --config two.yaml`, folder.path)
    config(asReader(url), other.url)
    const first = await run(`${line} --config two.yaml`, folder.path)
    for (const [{ code, out, err }, failed] of [
      [second, other.url],
      [first, url],
    ] as const) {
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err).toMatch(/^rapidrmf: database \S+: permission denied for table rapidrmf_migrations; grant/)
      expect(err).toContain(`database ${role}@${named(failed)}: `)
    }
  })

  it('also where a table of one of them has another shape', async () => {
    await other.client.query('ALTER TABLE notification_outbox RENAME COLUMN sink TO sunk')
    try {
      const { code, err } = await run('notify list --config urls.yaml', folder.path)
      expect(code).toBe(2)
      expect(err).toMatch(/database \S+: column .*sink.* does not exist/)
      expect(err).toContain(`${named(other.url)}: `)
      expect(err).not.toContain(named(url))
    } finally {
      await other.client.query('ALTER TABLE notification_outbox RENAME COLUMN sunk TO sink')
    }
  })

  it.each(['results', 'db status', 'scheduler once', 'db migrate'])(
    '%s, where the server offers no TLS, with the remedy',
    async (line) => {
      const env = { DATABASE_URL: `${url}?sslmode=require` }
      const { code, err } = await run(line, folder.path, env)
      expect(code).toBe(2)
      expect(err).toMatch(
        /database \S+: The server does not support SSL connections; change sslmode in the URL/,
      )
      expect(err).toContain(named(url))
    },
  )

  it('where the password is missing', async () => {
    const without = Object.assign(new URL(asReader(url)), { password: '' }).toString()
    const { code, err } = await run('results', folder.path, { DATABASE_URL: without })
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining(`database ${role}@${named(url)}: `) as string,
    })
  })
})

describe('the databases of a reading command', () => {
  const io = (env: Record<string, string> = {}) => ({
    env: { RAPIDRMF_OUTAGE: '0', ...env },
    cwd: folder.path,
    stdout: collectOutput(),
    stderr: collectOutput(),
    signal: new AbortController().signal,
  })
  const names = (where: { config?: string; env?: string; databaseUrl?: string }, env = {}) =>
    withDatabases(
      { config: 'urls.yaml', env: undefined, databaseUrl: undefined, ...where },
      io(env),
      async (databases) => databases.map(({ name }) => name.replace(/^.*\//, '')),
    )
  const nameOf = (text: string): string => new URL(text).pathname.slice(1)
  folder.write(
    'shared.yaml',
    `environments: { production: { database_url: '${url}' }, test: { database_url: '${url}' } }\n`,
  )

  it('are all of the configuration, each once, or that of one environment, or the one of the URL', async () => {
    expect(await names({})).toEqual([nameOf(url), nameOf(other.url)])
    expect(await names({ config: 'shared.yaml' })).toEqual([nameOf(url)])
    expect(await names({ env: 'staging' })).toEqual([nameOf(other.url)])
    expect(await names({ databaseUrl: other.url })).toEqual([nameOf(other.url)])
    expect(await names({}, { DATABASE_URL: other.url })).toEqual([nameOf(other.url)])
  })

  it('can only be read, and have no session when the work is done', async () => {
    let backend: unknown
    const writing = withDatabases(
      { config: 'urls.yaml', env: 'production', databaseUrl: undefined },
      io(),
      ([database]) =>
        database!.read(async (session) => {
          backend = (await session.query('SELECT pg_backend_pid() AS pid')).rows[0]
          await session.query('DELETE FROM systems')
        }),
    )
    await expect(writing).rejects.toThrow('read-only transaction')
    const { pid } = backend as { pid: number }
    await expect
      .poll(async () => (await client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).rowCount)
      .toBe(0)
  })

  it('are read in pieces too, and an error on the way names the database', async () => {
    const pieces: number[] = []
    const reading = withDatabases(
      { config: 'urls.yaml', env: 'production', databaseUrl: undefined },
      io(),
      async ([database]) => {
        for await (const piece of database!.pages(async function* (session) {
          yield 1
          yield 2
          await session.query('SELECT broken')
        })) {
          pieces.push(piece)
        }
      },
    )
    await expect(reading).rejects.toThrow(new RegExp(`database \\S*${nameOf(url)}: column "broken"`))
    expect(pieces).toEqual([1, 2])
  })
})
