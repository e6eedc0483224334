import { Client } from 'pg'
import { expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/client.ts'
import { createDatabase } from '../../support/database.ts'

const { client, name, url } = await createDatabase('empty')

/** What a database's owner may have set for people's queries, and what a session of the program has. */
const SETTINGS: Record<string, readonly [theirs: string, ours: string]> = {
  DateStyle: ['German, DMY', 'ISO, YMD'],
  TimeZone: ['Pacific/Auckland', 'UTC'],
  IntervalStyle: ['sql_standard', 'iso_8601'],
  default_transaction_isolation: ['serializable', 'read committed'],
  lock_timeout: ['7s', '0'],
  statement_timeout: ['8s', '0'],
  idle_in_transaction_session_timeout: ['9s', '1min'],
  tcp_keepalives_idle: ['77', '10'],
  tcp_keepalives_interval: ['78', '5'],
  tcp_keepalives_count: ['7', '4'],
  tcp_user_timeout: ['79000', '30000'],
}

async function settingsOf(session: Client): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const setting of Object.keys(SETTINGS)) {
    const { rows } = await session.query<[string]>({ text: `SHOW ${setting}`, rowMode: 'array' })
    found[setting] = rows[0]?.[0] ?? ''
  }
  return found
}

const column = (index: 0 | 1): Record<string, string> =>
  Object.fromEntries(Object.entries(SETTINGS).map(([setting, values]) => [setting, values[index]]))

it('a session has its own settings whatever the defaults of the database are', async () => {
  for (const [setting, [theirs]] of Object.entries(SETTINGS)) {
    await client.query(
      `ALTER DATABASE ${name} SET ${setting} TO ${setting === 'DateStyle' ? theirs : `'${theirs}'`}`,
    )
  }
  const plain = new Client({ connectionString: url })
  await plain.connect()
  expect(await settingsOf(plain)).toEqual(column(0))
  await plain.end()

  const session = await connect({ url })
  expect(await settingsOf(session)).toEqual(column(1))
  await disconnect(session)
})
