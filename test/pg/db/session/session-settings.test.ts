import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { parseDatabaseUrl, withClient } from '../../../../job-image/index.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { expectExactlyOnce } from '../../../support/run-check.ts'
import { watchRun } from '../../../support/watch-run.ts'
import { seedWorld } from '../../../support/world.ts'
import { executeRun } from '../../../../job-image/run/job.ts'

const { client, name, url } = await createDatabase()
await seedWorld(client, { systems: 2, controls: ['AC-2', 'AU-2'] })

/** What may be set for people's queries, and what a session of the program has. */
const ALL_SETTINGS: Record<string, readonly [theirs: string, ours: string]> = {
  DateStyle: ['German, DMY', 'ISO, YMD'],
  TimeZone: ['Pacific/Auckland', 'UTC'],
  IntervalStyle: ['sql_standard', 'iso_8601'],
  bytea_output: ['escape', 'hex'],
  client_encoding: ['LATIN1', 'UTF8'],
  array_nulls: ['off', 'on'],
  extra_float_digits: ['-15', '1'],
  quote_all_identifiers: ['on', 'off'],
  standard_conforming_strings: ['off', 'on'],
  synchronous_commit: ['off', 'on'],
  application_name: ['people', 'rapidrmf'],
  row_security: ['on', 'off'],
  default_transaction_isolation: ['serializable', 'read committed'],
  lock_timeout: ['7s', '0'],
  statement_timeout: ['8s', '0'],
  transaction_timeout: ['9s', '0'],
  idle_session_timeout: ['9s', '0'],
  idle_in_transaction_session_timeout: ['9s', '1min'],
  tcp_keepalives_idle: ['77', '10'],
  tcp_keepalives_interval: ['78', '5'],
  tcp_keepalives_count: ['7', '4'],
  tcp_user_timeout: ['79000', '30000'],
}
/** Not every version has each of them. */
const { rows: known } = await client.query<{ name: string }>('SELECT name FROM pg_settings')
const SETTINGS = Object.fromEntries(
  Object.entries(ALL_SETTINGS).filter(([setting]) => known.some((each) => each.name === setting)),
)
const NAMES = Object.keys(SETTINGS)
const OURS = Object.fromEntries(Object.entries(SETTINGS).map(([setting, [, ours]]) => [setting, ours]))

async function settingsOf(session: Client): Promise<Record<string, string>> {
  const { rows } = await session.query<Record<string, string>>(
    `SELECT ${NAMES.map((each) => `current_setting('${each}') AS "${each}"`).join(', ')}`,
  )
  return rows[0]!
}

const sessionAt = (databaseUrl: string): Promise<Record<string, string>> =>
  withClient({ url: databaseUrl }, settingsOf)

/** What a session has that sets nothing itself. */
async function plainSessionAt(databaseUrl: string): Promise<Record<string, string>> {
  const plain = new Client({ connectionString: databaseUrl })
  await plain.connect()
  try {
    return await settingsOf(plain)
  } finally {
    await plain.end()
  }
}

/** A role that owns what the run writes; dropped with the file. */
async function createRole(): Promise<{ role: string; roleUrl: string }> {
  const role = `session_${randomBytes(4).toString('hex')}`
  await client.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'not-a-secret';
     GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
     GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
  )
  afterAll(() => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
  return {
    role,
    roleUrl: Object.assign(new URL(url), { username: role, password: 'not-a-secret' }).toString(),
  }
}

const literal = (setting: string, value: string): string => (setting === 'DateStyle' ? value : `'${value}'`)

describe('a session has its own settings', () => {
  it.each(['ROLE', 'DATABASE'])(
    'whatever is set for the %s, and a run goes well with all of it',
    async (kind) => {
      const { role, roleUrl } = await createRole()
      const subject = `${kind} ${kind === 'ROLE' ? role : name}`
      for (const [setting, [theirs]] of Object.entries(SETTINGS)) {
        await client.query(`ALTER ${subject} SET ${setting} TO ${literal(setting, theirs)}`)
      }
      // pg names its encoding at the start; a name of the program is not given here.
      const theirs = Object.fromEntries(
        Object.entries(SETTINGS).map(([setting, [value]]) => [setting, value]),
      )
      expect(await plainSessionAt(roleUrl)).toEqual({ ...theirs, client_encoding: 'UTF8' })
      expect(await sessionAt(roleUrl)).toEqual(OURS)

      const { events, observer } = watchRun()
      const runKey = `settings of ${kind}`
      expect(await executeRun(runRequest(roleUrl, { runKey, observer }))).toMatchObject({ status: 'success' })
      await expectExactlyOnce(client, runKey, 4)
      expect(events.filter(({ type }) => type === 'warning')).toEqual([
        { type: 'warning', message: expect.stringMatching(/^synchronous_commit is off/) as string },
      ])
      await client.query(`ALTER ${subject} RESET ALL`)
    },
  )

  it.each(NAMES)('whatever the options of the URL say: %s', async (setting) => {
    const theirs = SETTINGS[setting]![0].replaceAll(' ', String.raw`\ `)
    const own = Object.assign(new URL(url), {
      search: `?options=${encodeURIComponent(`-c${setting}=${theirs}`)}`,
    })
    expect(await sessionAt(own.toString())).toEqual(OURS)
  })

  it.each([
    'application_name=people',
    'fallback_application_name=people',
    'client_encoding=LATIN1',
    'statement_timeout=1',
    'lock_timeout=1',
    'idle_in_transaction_session_timeout=1',
    'query_timeout=1',
    'connect_timeout=1',
    'connectionTimeoutMillis=1',
    'binary=true',
    'replication=database',
    'pipeline=true',
  ])('whatever other parameters of the URL say: %s', async (parameter) => {
    const own = parseDatabaseUrl(`${url}?${parameter}`, 'url')
    await withClient({ url: own }, async (session) => {
      expect(await settingsOf(session)).toEqual(OURS)
      // A limit of the client is none of the server's settings.
      await session.query('SELECT pg_sleep(0.05)')
    })
  })
})

it('waiting for longer than the limits of a role ends no session', async () => {
  const { role, roleUrl } = await createRole()
  for (const limit of NAMES.filter((each) => each.endsWith('_timeout') && !each.startsWith('tcp_')))
    await client.query(`ALTER ROLE ${role} SET ${limit} TO '20ms'`)
  await withClient({ url: roleUrl }, async (session) => {
    await new Promise((resolve) => setTimeout(resolve, 60))
    await session.query('SELECT pg_sleep(0.06)')
  })
})

it('synchronous_commit keeps a value that waits for standbys', async () => {
  for (const value of ['local', 'remote_write', 'remote_apply']) {
    const own = Object.assign(new URL(url), { search: `?options=-csynchronous_commit%3D${value}` })
    expect(await sessionAt(own.toString())).toMatchObject({ synchronous_commit: value })
  }
})
