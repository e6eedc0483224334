import type { Client } from 'pg'
import type { Config } from '../../config/config.ts'
import { InputError } from '../../errors.ts'

/** Sources that may know an environment; `config` is undefined if the command needs none and there is none. */
export type KnownIn = {
  readonly config: Config | undefined
  readonly client: Client
  /** The database, for people. */
  readonly database: string
}

/**
 * Refuses an environment that neither the configuration nor the database knows, with the nearest name. Without a
 * configuration, a database that knows no environment yet accepts any.
 */
export async function requireEnvironment(name: string, { config, client, database }: KnownIn): Promise<void> {
  if (config?.environments.has(name)) return
  const { listEnvironments } = await import('../../db/inputs/environments.ts')
  const { suggestion } = await import('../../document.ts')
  const stored = await listEnvironments(client)
  if (stored.includes(name) || (config === undefined && stored.length === 0)) return
  const known = [...new Set([...(config?.environments.keys() ?? []), ...stored])]
  const where = config === undefined ? `database ${database}` : `${config.file} or database ${database}`
  throw new InputError(
    `there is no environment ${JSON.stringify(name)} in ${where}${suggestion(name, known)}`,
  )
}
