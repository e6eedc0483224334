import type { Selection } from '../../crds/selection.ts'
import { formatDuration } from '../../common/duration.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { environmentOf, pathOf } from './config.ts'
import type { Catalog, Config, Environment } from './config.ts'
import type { Setting } from './expand.ts'
import type { Publish } from './publish.ts'
import { showSinks } from './notifications.ts'
import { redact, redactDatabaseUrl } from './redact.ts'
import type { SchedulerSettings } from './scheduler-settings.ts'
import { configuredUrl, overridingUrl } from './target.ts'
import type { DatabaseUrl } from './target.ts'

/** The effective configuration without secrets, with the source of each database URL. */
export type ShownConfig = {
  readonly file: string
  readonly environments: Readonly<Record<string, ShownEnvironment>>
  readonly catalogs: Readonly<Record<string, ShownCatalog>>
  readonly rule_packs: readonly string[]
  readonly scheduler: SchedulerSettings
  readonly selection?: Selection | undefined
  readonly incremental?: boolean | undefined
  readonly full_every?: string | undefined
  readonly results?: { readonly publish: Publish } | undefined
  readonly [other: string]: unknown
}

export type ShownCatalog = {
  readonly path?: string | undefined
  readonly framework?: string | undefined
}

export type ShownEnvironment = {
  readonly description?: string | undefined
  readonly database_url: string | null
  /** `--database-url`, `DATABASE_URL`, the key of the file, or why there is none. */
  readonly database_url_from: string
  readonly selection?: Selection | undefined
  readonly storage?: unknown
}

/** Texts that only RapidRMF reads are shown as written: their variables are not put in. */
export function showConfig(
  config: Config,
  options: { readonly env?: string | undefined; readonly databaseUrl?: string | undefined },
  io: Pick<Io, 'env'>,
): ShownConfig {
  const override = overridingUrl(options.databaseUrl, io)
  const environments =
    options.env === undefined ? [...config.environments.values()] : [environmentOf(config, options.env)]
  const { rulePacks, scheduler, selection, incremental, fullEvery, publish, notifications, other } = config
  return {
    file: config.file,
    environments: Object.fromEntries(
      environments.map((each) => [each.name, showEnvironment(config, each, override)]),
    ),
    catalogs: Object.fromEntries(
      [...config.catalogs.values()].map((each) => [each.name, showCatalog(config, each)]),
    ),
    rule_packs: rulePacks.map((pack) => showPath(config, pack)),
    scheduler,
    selection,
    incremental,
    full_every: fullEvery === undefined ? undefined : formatDuration(fullEvery),
    results: publish === undefined ? undefined : { publish },
    notifications: notifications.length === 0 ? undefined : showSinks(notifications),
    ...(redact(other) as Record<string, unknown>),
  }
}

function showCatalog(config: Config, { path, framework }: Catalog): ShownCatalog {
  return {
    path: path === undefined ? undefined : showPath(config, path),
    framework,
  }
}

function showEnvironment(
  config: Config,
  environment: Environment,
  override: DatabaseUrl | undefined,
): ShownEnvironment {
  const { description, selection, storage } = environment
  return {
    description: description === null ? undefined : (redact(description) as string),
    ...showDatabase(config, environment, override),
    selection,
    storage: storage === undefined ? undefined : redact(storage),
  }
}

type ShownDatabase = Pick<ShownEnvironment, 'database_url' | 'database_url_from'>

function showDatabase(
  config: Config,
  environment: Environment,
  override: DatabaseUrl | undefined,
): ShownDatabase {
  try {
    const found = override ?? configuredUrl(config, environment)
    if (found === undefined) return { database_url: null, database_url_from: 'not set' }
    const overrides = override !== undefined && environment.databaseUrl !== undefined
    const from = overrides ? `${found.source}, which overrides the file` : found.source
    return { database_url: redactDatabaseUrl(found.url), database_url_from: from }
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    return { database_url: null, database_url_from: thrown.message }
  }
}

function showPath(config: Config, setting: Setting): string {
  try {
    return redact(pathOf(config, setting)) as string
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    return redact(setting.text) as string
  }
}
