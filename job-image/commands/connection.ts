import type { Client } from 'pg'
import type { TargetOptions } from '../config/target.ts'
import type { Target } from '../db/client.ts'
import type { Io } from '../io.ts'

/** What a command wants of a database. */
export type Purpose = {
  /** Shown in pg_stat_activity, after the program's name. */
  readonly name: string
  /** Refuse tables that are not this version's. */
  readonly currentSchema?: boolean
}

/** Either the options that say which database, or its URL where the command has found it itself. */
export type Where = TargetOptions | { readonly url: string }

/** Connects to the one database of a command, works, disconnects; also after an error. */
export async function withDatabase<T>(
  where: Where,
  { name, currentSchema = false }: Purpose,
  io: Io,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { withClient } = await import('../db/client.ts')
  const { requireCurrentSchema } = await import('../db/schema.ts')
  const url = 'url' in where ? where.url : await urlOf(where, io)
  const target = await targets(name, io)
  return withClient(target(url), async (client) => {
    if (currentSchema) await requireCurrentSchema(client)
    return work(client)
  })
}

async function urlOf(options: TargetOptions, io: Io): Promise<string> {
  const { resolveDatabase } = await import('../config/target.ts')
  return resolveDatabase(options, io).url
}

/**
 * How the sessions of a command are opened: a database that is away is waited for as long as a run would wait
 * (RAPIDRMF_OUTAGE), and each reason is told once, however often it is tried.
 */
export async function targets(name: string, io: Io): Promise<(url: string) => Target> {
  const { reason } = await import('../db/client.ts')
  const { timingFrom } = await import('../run/from-config.ts')
  const { outage } = timingFrom(io.env)
  const told = new Set<string>()
  const onRetry = (error: Error): void => {
    const why = reason(error)
    if (!told.has(why)) io.stderr.write(`trying again: ${why} (for up to ${outage / 1000} s)\n`)
    told.add(why)
  }
  return (url) => ({
    url,
    applicationName: `rapidrmf ${name}`,
    retryFor: outage,
    signal: io.signal,
    onRetry,
  })
}
