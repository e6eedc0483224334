import type { Client } from 'pg'
import type { Config } from '../../config/config.ts'
import type { Target } from '../../db/session/client.ts'
import type { Io } from '../../io.ts'
import { requireSchema, targets } from './connection.ts'
import { requireEnvironment } from './environment.ts'

/** The options that say where a reading command looks. */
export type WhereOptions = {
  readonly config: string
  /** Undefined: every environment of every database in the configuration. */
  readonly env: string | undefined
  readonly databaseUrl: string | undefined
}

/** A database that can only be read. */
export type OpenDatabase = {
  /** Display name. */
  readonly name: string
  /** Reads from it; an error of this database names it. */
  readonly read: <T>(work: (client: Client) => Promise<T>) => Promise<T>
  /** The same for what is read in pieces. */
  readonly pages: <T>(work: (client: Client) => AsyncIterable<T>) => AsyncIterable<T>
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
  const { disconnect } = await import('../../db/session/client.ts')
  const { config, urls } = await namedDatabases(options, io)
  const clients: Client[] = []
  try {
    const target = await targets('read', io)
    const open: OpenDatabase[] = []
    for (const url of urls) {
      const database = await openDatabase(target(url), clients)
      const { env } = options
      if (env !== undefined) {
        await database.read((client) => requireEnvironment(env, { config, client, database: database.name }))
      }
      open.push(database)
    }
    return await work(open)
  } finally {
    await Promise.all(clients.map((client) => disconnect(client)))
  }
}

type NamedDatabases = { readonly config: Config | undefined; readonly urls: readonly string[] }

async function namedDatabases({ env, ...options }: WhereOptions, io: Io): Promise<NamedDatabases> {
  const { allDatabases, optionalConfig, overridingUrl, resolveDatabase } =
    await import('../../config/target.ts')
  if (env !== undefined) {
    const { config, url } = resolveDatabase({ ...options, env }, io)
    return { config, urls: [url] }
  }
  const config = optionalConfig(options, io)
  if (config !== undefined) {
    return { config, urls: allDatabases(config, options.databaseUrl, io).map(({ url }) => url) }
  }
  const override = overridingUrl(options.databaseUrl, io)
  return { config, urls: override === undefined ? [] : [override.url] }
}

/** Adds the session to `clients` as soon as it is open, so that it is always closed. */
async function openDatabase(target: Target, clients: Client[]): Promise<OpenDatabase> {
  const { connect } = await import('../../db/session/client.ts')
  const { describeDatabase } = await import('../../db/session/url.ts')
  const name = describeDatabase(target.url)
  const client = await connect(target)
  clients.push(client)
  const database = await readable(name, client)
  await database.read(async () => {
    await client.query('SET default_transaction_read_only TO on')
    await requireSchema(client, name)
  })
  return database
}

async function readable(name: string, client: Client): Promise<OpenDatabase> {
  const { lostConnection } = await import('../../db/session/client.ts')
  const { namingDatabase } = await import('../../db/session/errors.ts')
  const named = (thrown: unknown): Error => namingDatabase(lostConnection(thrown), `database ${name}`)
  return {
    name,
    async read(work) {
      try {
        return await work(client)
      } catch (thrown) {
        throw named(thrown)
      }
    },
    async *pages(work) {
      try {
        yield* work(client)
      } catch (thrown) {
        throw named(thrown)
      }
    },
  }
}
