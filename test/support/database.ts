import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, inject } from 'vitest'
import { connect, disconnect } from '../../job-image/db/session/client.ts'

export type TestDatabase = {
  readonly name: string
  readonly url: string
  /** Opens a session like the program. */
  readonly client: Client
}

/** Creates a database for the calling test file, dropped at its end. `empty`: without migrations, and optionally with another encoding. */
export async function createDatabase(
  kind: 'migrated' | 'empty' | { readonly encoding: string } = 'migrated',
): Promise<TestDatabase> {
  const adminUrl = inject('postgresUrl')
  const name = `t_${randomBytes(6).toString('hex')}`
  const template =
    typeof kind === 'object'
      ? `TEMPLATE template0 ENCODING '${kind.encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`
      : kind === 'migrated'
        ? 'TEMPLATE template_migrated'
        : ''
  await asAdmin(adminUrl, `CREATE DATABASE ${name} ${template}`)
  const url = adminUrl.replace(/\/postgres$/, `/${name}`)
  const client = await connect({ url })
  afterAll(async () => {
    await disconnect(client)
    await asAdmin(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
  return { name, url, client }
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  try {
    await admin.query(sql)
  } finally {
    await admin.end()
  }
}
