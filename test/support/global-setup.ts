import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { startLocalPostgres } from '../../scripts/local-postgres.ts'
import { connect, disconnect } from '../../job-image/db/session/client.ts'
import { migrate } from '../../job-image/db/schema/schema.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's URL of the test server's maintenance database. */
    postgresUrl: string
  }
}

/** Starts one server for the whole test run, with a migrated database that tests copy. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startLocalPostgres({
    directory: mkdtempSync(join(tmpdir(), 'rapidrmf-test-')),
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '100' },
  })
  try {
    await addTemplate(server.url)
    project.provide('postgresUrl', server.url)
  } catch (error) {
    await server.remove()
    throw error
  }
  return async () => {
    await server.remove()
  }
}

/** The migrated database that createDatabase copies. */
export async function addTemplate(adminUrl: string): Promise<void> {
  const admin = new Client({ connectionString: adminUrl })
  await admin.connect()
  await admin.query('CREATE DATABASE template_migrated')
  await admin.end()
  const client = await connect({ url: adminUrl.replace(/\/postgres$/, '/template_migrated') })
  await migrate(client)
  await disconnect(client)
}
