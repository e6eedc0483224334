import { randomBytes } from 'node:crypto'
import { afterAll } from 'vitest'
import type { TestDatabase } from './database.ts'

/** The URL of a role with a limited number of concurrent connections; dropped at the end of the test file. */
export async function limitedRole({ client, url }: TestDatabase, connections: number): Promise<string> {
  const role = `limited_${randomBytes(4).toString('hex')}`
  await client.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'not-a-secret' CONNECTION LIMIT ${connections};
     GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
     GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
  )
  afterAll(() => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
  return Object.assign(new URL(url), { username: role, password: 'not-a-secret' }).toString()
}
