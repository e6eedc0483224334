import type { Client } from 'pg'
import type { Target } from '../../db/session/client.ts'
import { InputError } from '../../errors.ts'
import { say } from '../../io.ts'
import type { Io } from '../../io.ts'
import { requireEnvironment } from './environment.ts'

/** The requirements of a command on its database. */
export type Purpose = {
  /** Shown in pg_stat_activity, after the program's name. */
  readonly name: string
  /** Refuse a server or a role that can only read. */
  readonly writes?: boolean
  /** Refuse tables that are not this version's. */
  readonly currentSchema?: boolean
}

/** The options that say which database a command works on. */
export type DatabaseOptions = {
  readonly config: string
  /** Undefined: production, where the URL comes from the configuration. */
  readonly env: string | undefined
  readonly databaseUrl: string | undefined
}

/** Either these options, or the URL where the command has found it itself. */
export type Where = DatabaseOptions | { readonly url: string }

/** Connects to the one database of a command, works, disconnects; also after an error. */
export async function withDatabase<T>(
  where: Where,
  { name, writes = false, currentSchema = false }: Purpose,
  io: Io,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { withClient } = await import('../../db/session/client.ts')
  const { describeDatabase } = await import('../../db/session/url.ts')
  const { url, config, env } =
    'url' in where ? { ...where, config: undefined, env: undefined } : await found(where, io)
  const target = await targets(name, io)
  return withClient({ ...target(url), writes }, async (client) => {
    const database = describeDatabase(url)
    if (env !== undefined) await requireEnvironment(env, { config, client, database })
    if (currentSchema) await requireSchema(client, database)
    return work(client)
  })
}

async function found(options: DatabaseOptions, io: Io) {
  const { resolveDatabase } = await import('../../config/target.ts')
  const { url, config } = resolveDatabase(options, io)
  return { url, config, env: options.env }
}

/** Refuses tables that are not this version's, and names the database. */
export async function requireSchema(client: Client, database: string): Promise<void> {
  const { requireCurrentSchema } = await import('../../db/schema/schema.ts')
  try {
    await requireCurrentSchema(client)
  } catch (error) {
    throw error instanceof InputError
      ? new InputError(`${database}: ${error.message}`, { cause: error })
      : error
  }
}

/**
 * The targets of a command's sessions: an unreachable database is retried for as long as in a run (RAPIDRMF_OUTAGE), and
 * each reason is reported once.
 */
export async function targets(name: string, io: Io): Promise<(url: string) => Target> {
  const { reason } = await import('../../db/session/client.ts')
  const { timingFrom } = await import('../../run/from-config.ts')
  const { outage } = timingFrom(io.env)
  const reported = new Set<string>()
  const onRetry = (error: Error): void => {
    const why = reason(error)
    if (!reported.has(why)) void say(io.stderr, `retrying: ${why} (for up to ${outage / 1000} s)`)
    reported.add(why)
  }
  return (url) => ({
    url,
    applicationName: `rapidrmf ${name}`,
    retryFor: outage,
    signal: io.signal,
    onRetry,
  })
}
