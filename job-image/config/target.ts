import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDatabaseUrl } from '../db/session/url.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { environmentOf, loadConfig } from './config.ts'
import type { Config, Environment } from './config.ts'
import { expand } from './expand.ts'

/** The options that commands share: `--config`, `--env`, `--database-url`. */
export type TargetOptions = {
  readonly config: string
  readonly env: string
  readonly databaseUrl: string | undefined
}

/** A normalized database URL and its source. */
export type DatabaseUrl = {
  readonly url: string
  /** Display name of the source: `--database-url`, `DATABASE_URL` or the key of the configuration. */
  readonly source: string
}

/** The inputs of a command on one environment. `url` contains a password: it is for `connect`, never for output. */
export type ResolvedTarget = DatabaseUrl & {
  readonly config: Config
  readonly environment: Environment
}

/** A database, with the configuration if there is one. */
export type ResolvedDatabase = DatabaseUrl & { readonly config: Config | undefined }

type Surroundings = Pick<Io, 'env' | 'cwd'>

/** The default of `--env`. */
export const DEFAULT_ENVIRONMENT = 'production'

/** The default of `--config`; only this file may be missing, if a command needs just a database. */
const DEFAULT_CONFIG = 'config.yaml'

/** Resolves and checks the configuration, the environment and the database of a command. */
export function resolveTarget(options: TargetOptions, io: Surroundings): ResolvedTarget {
  const config = loadConfig(configFile(options.config, io), io.env)
  const environment = environmentOf(config, options.env)
  return { config, environment, ...databaseUrlFor({ ...options, config }, io) }
}

/**
 * The database of a command that needs nothing else (`db migrate`, `catalog import`, ...). When DATABASE_URL or
 * --database-url says it, the default file need not exist, and whether `env` is known is for the caller to check, since
 * the database may know it.
 */
export function resolveDatabase(
  {
    env = DEFAULT_ENVIRONMENT,
    ...options
  }: Omit<TargetOptions, 'env'> & { readonly env?: string | undefined },
  io: Surroundings,
): ResolvedDatabase {
  const config = optionalConfig(options, io)
  return { ...databaseUrlFor({ ...options, env, config }, io), config }
}

/** The configuration, undefined only if it is the default file, missing, and not needed to find the database. */
export function optionalConfig(
  options: Pick<TargetOptions, 'config' | 'databaseUrl'>,
  io: Surroundings,
): Config | undefined {
  const overridden = overridingUrl(options.databaseUrl, io) !== undefined
  return overridden ? configIfAny(options.config, io) : loadConfig(configFile(options.config, io), io.env)
}

/** The configuration of a command that does not need one; undefined if it is the default file and missing. */
export function configIfAny(path: string, io: Surroundings): Config | undefined {
  const file = configFile(path, io)
  return path === DEFAULT_CONFIG && !existsSync(file) ? undefined : loadConfig(file, io.env)
}

/** --database-url, else DATABASE_URL, else the environment's database_url (only then are its variables read). */
export function databaseUrlFor(
  options: {
    readonly config: Config | undefined
    readonly env: string
    readonly databaseUrl: string | undefined
  },
  io: Pick<Io, 'env'>,
): DatabaseUrl {
  const override = overridingUrl(options.databaseUrl, io)
  if (override !== undefined) return override
  if (options.config === undefined)
    throw new InputError('no database: set DATABASE_URL, or give --database-url')
  const environment = environmentOf(options.config, options.env)
  const configured = configuredUrl(options.config, environment)
  if (configured !== undefined) return configured
  const message = `the environment "${environment.name}" has no database_url; add it, or set DATABASE_URL, or give --database-url`
  throw new InputError({ file: options.config.file, message })
}

/** The distinct databases of the configuration, with their environments. */
export function allDatabases(
  config: Config,
  databaseUrl: string | undefined,
  io: Pick<Io, 'env'>,
): { url: string; environments: string[] }[] {
  const override = overridingUrl(databaseUrl, io)
  const databases = new Map<string, { url: string; environments: string[] }>()
  for (const environment of config.environments.values()) {
    const url = (override ?? configuredUrl(config, environment))?.url
    if (url === undefined) continue
    const database = databases.get(databaseKey(url)) ?? { url, environments: [] }
    database.environments.push(environment.name)
    databases.set(databaseKey(url), database)
  }
  if (databases.size > 0) return [...databases.values()]
  const message = 'no environment has a database_url; add one, or set DATABASE_URL, or give --database-url'
  throw new InputError({ file: config.file, message })
}

/** The URL that overrides the configuration. An empty DATABASE_URL counts as unset, as in compose files. */
export function overridingUrl(
  databaseUrl: string | undefined,
  { env }: Pick<Io, 'env'>,
): DatabaseUrl | undefined {
  if (databaseUrl !== undefined) return named('--database-url', databaseUrl)
  const variable = env['DATABASE_URL'] ?? ''
  return variable === '' ? undefined : named('DATABASE_URL', variable)
}

function named(source: string, text: string): DatabaseUrl {
  return { url: parseDatabaseUrl(text, source), source }
}

/** The URL that the file sets for an environment; undefined without one. */
export function configuredUrl(config: Config, { name, databaseUrl }: Environment): DatabaseUrl | undefined {
  if (databaseUrl === undefined) return undefined
  const url = parseDatabaseUrl(expand(databaseUrl, config.env), databaseUrl.problem)
  return { url, source: `environments.${name}.database_url` }
}

/** A key that is equal for all URLs of one database; role and TLS mode do not matter. */
export function databaseKey(text: string): string {
  const url = new URL(text)
  const at = (name: string): string => url.searchParams.get(name) ?? ''
  const database = url.pathname.length > 1 ? url.pathname : `/${url.username}`
  return JSON.stringify([
    url.hostname.toLowerCase(),
    url.port || '5432',
    database,
    at('host'),
    at('port'),
    at('options'),
  ])
}

/** The path of the configuration: as given if that is the same file (for short messages), else absolute. */
export function configFile(path: string, { cwd }: Pick<Io, 'cwd'>): string {
  const absolute = resolve(cwd, path)
  return absolute === resolve(path) ? path : absolute
}
