import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, name, url } = await createDatabase()
await seedWorld(client, { systems: 1, controls: ['AC-2'] })
const role = `reader_${randomBytes(4).toString('hex')}`
await client.query(
  `CREATE ROLE ${role} LOGIN PASSWORD 'not-a-secret';
   GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
   GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
)
afterAll(() => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
const roleUrl = Object.assign(new URL(url), { username: role, password: 'not-a-secret' }).toString()

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
folder.write('inventory.yaml', 'systems:\n  - name: new\n    environment: production\n')
const run = (line: string, databaseUrl: string) =>
  runArgv(line.split(' '), { cwd: folder.path, env: { DATABASE_URL: databaseUrl } })

const READ_ONLY = 'default_transaction_read_only'

describe.each([
  ['the role', `ROLE ${role}`, `ALTER ROLE ${role} RESET ${READ_ONLY}`],
  ['the database', `DATABASE ${name}`, `ALTER DATABASE ${name} RESET ${READ_ONLY}`],
  [
    'the role in the database',
    `ROLE ${role} IN DATABASE ${name}`,
    `ALTER ROLE ${role} IN DATABASE ${name} RESET ${READ_ONLY}`,
  ],
  ['the URL', undefined, 'remove it from the options of the URL'],
])('transactions that %s makes read-only', (_, subject, remedy) => {
  const at = subject === undefined ? `${roleUrl}?options=-c${READ_ONLY}%3Don` : roleUrl
  async function withSetting<T>(work: () => Promise<T>): Promise<T> {
    if (subject !== undefined) await client.query(`ALTER ${subject} SET ${READ_ONLY} TO on`)
    try {
      return await work()
    } finally {
      if (subject !== undefined) await client.query(`ALTER ${subject} RESET ${READ_ONLY}`)
    }
  }

  it.each([
    'scheduler once',
    'scheduler start --cron * * * * *',
    'db migrate',
    'db prune --older-than 1y',
    'db widen-ids --yes',
    'inventory apply inventory.yaml',
    'systems remove s1 --yes',
  ])('%s is refused at once, with the remedy', async (line) => {
    const argv = line.includes('*') ? [...line.split(' ').slice(0, 3), '* * * * *'] : line.split(' ')
    const { code, err } = await withSetting(() =>
      runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: at } }),
    )
    expect(err).toContain(`transactions of role ${role} are read-only (${READ_ONLY} is on)`)
    expect(err).toContain(remedy)
    expect(err).toContain(`/${name}: `)
    expect(err).not.toMatch(/retrying/)
    expect(code).toBe(2)
  })

  it.each(['results', 'runs list', 'systems list', 'db status', 'db prune --older-than 1y --dry-run'])(
    '%s reads',
    async (line) => {
      expect(await withSetting(() => run(line, at))).toMatchObject({ code: 0 })
    },
  )
})
