import type { Client } from 'pg'
import type { Target } from '../db/client.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { targets } from './connection.ts'

/** The options that say where a reading command looks. */
export type WhereOptions = {
  readonly config: string
  /** Undefined: every environment of every database in the configuration. */
  readonly env: string | undefined
  readonly databaseUrl: string | undefined
}

/** A session that can only read. */
export type OpenDatabase = {
  readonly client: Client
  /** For people. */
  readonly name: string
}

/**
 * Opens each database that the options name, once, however many environments live in it, and ends the sessions when
 * the work is done. All of them or none: half of a list would look like the whole.
 */
export async function withDatabases<T>(
  options: WhereOptions,
  io: Io,
  work: (databases: readonly OpenDatabase[]) => Promise<T>,
): Promise<T> {
  const { disconnect, lostConnection } = await import('../db/client.ts')
  const { withRemedy } = await import('../db/errors.ts')
  const urls = await databaseUrls(options, io)
  const open: OpenDatabase[] = []
  try {
    const target = await targets('read', io)
    for (const url of urls) open.push(await openDatabase(target(url)))
    return await work(open)
  } catch (thrown) {
    throw withRemedy(lostConnection(thrown), `database ${open.map(({ name }) => name).join(' or ')}`)
  } finally {
    await Promise.all(open.map(({ client }) => disconnect(client)))
  }
}

async function databaseUrls({ env, ...options }: WhereOptions, io: Io): Promise<string[]> {
  const { allDatabases, optionalConfig, overridingUrl, resolveDatabase } = await import('../config/target.ts')
  if (env !== undefined) return [resolveDatabase({ ...options, env }, io).url]
  const config = optionalConfig(options, io)
  if (config !== undefined) return allDatabases(config, options.databaseUrl, io).map(({ url }) => url)
  const override = overridingUrl(options.databaseUrl, io)
  return override === undefined ? [] : [override.url]
}

async function openDatabase(target: Target): Promise<OpenDatabase> {
  const { connect, disconnect } = await import('../db/client.ts')
  const { requireCurrentSchema } = await import('../db/schema.ts')
  const { describeDatabase } = await import('../db/url.ts')
  const name = describeDatabase(target.url)
  const client = await connect(target)
  try {
    await client.query('SET default_transaction_read_only TO on')
    await requireCurrentSchema(client)
    return { client, name }
  } catch (error) {
    await disconnect(client)
    throw error instanceof InputError ? new InputError(`${name}: ${error.message}`, { cause: error }) : error
  }
}
