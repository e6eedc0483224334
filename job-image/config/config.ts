import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import type { Duration } from '../../common/duration.ts'
import { invisibleIn } from '../../common/printable.ts'
import { sha256Hex } from '../../common/sha256.ts'
import { selectionSchema } from '../../crds/selection.ts'
import type { Selection } from '../../crds/selection.ts'
import { parseDocument, readTextFile, suggestion } from '../document.ts'
import type { SourceDocument } from '../document.ts'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import type { Io } from '../io.ts'
import { compareText } from '../rules/control-id.ts'
import { nameKey } from '../rules/framework.ts'
import { fullEverySchema } from './incremental.ts'
import type { Publish } from './publish.ts'
import { resultsSchema } from './results-schema.ts'
import { schedulerSchema } from './scheduler-settings.ts'
import type { SchedulerSettings } from './scheduler-settings.ts'
import { expand, referenceProblem } from './expand.ts'
import type { Setting } from './expand.ts'
import { notificationsSchema, sinksOf } from './notifications.ts'
import type { SinkSettings } from './notifications.ts'

/** `environments.NAME` of the file. */
export type Environment = {
  readonly name: string
  readonly description: string | null
  /** Unresolved; `target.ts` makes a URL of it, unless another source overrides it. */
  readonly databaseUrl: Setting | undefined
  /** The selection of the environment's runs; overrides the file's own. */
  readonly selection: Selection | undefined
  /** A key of RapidRMF: accepted and shown, but not interpreted. */
  readonly storage: unknown
}

/** `catalogs.NAME` of the file; a relative path is relative to the file's folder. */
export type Catalog = {
  readonly name: string
  /** Undefined if the catalog is in the database, and only its framework is set here. */
  readonly path: Setting | undefined
  /** Overrides the framework of its document and its row. */
  readonly framework: string | undefined
}

/** The checked file. Texts keep their `${VARIABLES}` until they are used. */
export type Config = {
  readonly file: string
  readonly env: Io['env']
  readonly environments: ReadonlyMap<string, Environment>
  /** Keyed by `catalogKey`. */
  readonly catalogs: ReadonlyMap<string, Catalog>
  readonly scheduler: SchedulerSettings
  readonly rulePacks: readonly Setting[]
  readonly notifications: readonly SinkSettings[]
  /** The selection of runs. */
  readonly selection: Selection | undefined
  /** True if runs evaluate only systems whose inputs have changed. */
  readonly incremental: boolean | undefined
  /** What runs write to `validation_results`. */
  readonly publish: Publish | undefined
  /** Age of a result from which on a run evaluates all systems. */
  readonly fullEvery: Duration | undefined
  /** RapidRMF's other top-level keys, as written. */
  readonly other: Readonly<Record<string, unknown>>
}

/** `systems.environment` and `job_runs.environment` are varchar(50). */
const MAX_ENVIRONMENT = 50
/** `catalogs.name` is a varchar(100). */
const MAX_CATALOG = 100
/** `catalogs.framework` is a varchar(100). */
const MAX_FRAMEWORK = 100

const expected =
  (what: string) =>
  ({ code }: { readonly code: string }): string | undefined =>
    code === 'invalid_type' ? `expected ${what}` : undefined

/** A key with nothing after its colon is null in YAML: the same as an empty map, or as no key at all. */
const environmentSchema = z.preprocess(
  (value) => value ?? {},
  z.strictObject(
    {
      description: z.string().nullish(),
      database_url: z.string().nullish(),
      selection: selectionSchema.nullish(),
      storage: z.unknown().optional(),
    },
    { error: expected('a map with description, database_url, selection and storage, all optional') },
  ),
)

const catalogSchema = z.preprocess(
  (value) => (typeof value === 'string' ? { path: value } : value),
  z
    .strictObject(
      {
        path: z.string('expected a path').min(1, 'must not be empty').optional(),
        framework: z
          .string('expected the name of a framework, such as nist-800-53-rev5')
          .min(1, 'must not be empty')
          .max(MAX_FRAMEWORK)
          .optional(),
      },
      { error: expected('a path, or a map with the keys path and framework') },
    )
    .refine(({ path, framework }) => path !== undefined || framework !== undefined, {
      message: 'needs a path to import it from, or the framework of a catalog in the database',
    }),
)

/** Keys of RapidRMF that are ignored here. */
const FOREIGN = {
  version: z.unknown().optional(),
  organization: z.unknown().optional(),
  ci: z.unknown().optional(),
  policy: z.unknown().optional(),
  staging_dir: z.unknown().optional(),
  storage: z.unknown().optional(),
}

/** The schema of the file, without the checks that need more than one key. */
export const configSchema = z.strictObject(
  {
    environments: z.record(z.string(), environmentSchema, {
      error: expected('a map from environment names to their settings'),
    }),
    catalogs: z
      .record(z.string(), catalogSchema, { error: expected('a map from catalog names to paths') })
      .nullish(),
    scheduler: schedulerSchema,
    rule_packs: z
      .array(z.string('expected a path').min(1, 'must not be empty'), { error: expected('a list of paths') })
      .nullish(),
    selection: selectionSchema.nullish(),
    incremental: z.boolean('expected true or false').nullish(),
    results: resultsSchema,
    full_every: fullEverySchema.nullish(),
    notifications: notificationsSchema,
    ...FOREIGN,
  },
  { error: expected('a map with the key environments') },
)

type ConfigDocument = SourceDocument<z.output<typeof configSchema>>

/**
 * Reads and checks a configuration file. Throws one InputError with everything that is wrong, each problem as
 * file:line:column; no problem quotes a value.
 */
export function loadConfig(file: string, env: Io['env']): Config {
  return parseConfig(readTextFile(file, 'configuration'), file, env)
}

export function parseConfig(text: string, file: string, env: Io['env']): Config {
  const document = parseDocument(text, file, configSchema)
  const problems: Problem[] = []
  const environments = environmentsOf(document, problems)
  const catalogs = catalogsOf(document, problems)
  const packs = (document.value.rule_packs ?? []).map((path, index) =>
    settingOf(document, ['rule_packs', index], path, problems),
  )
  const notifications = sinksOf(document, [...environments.keys()], problems)
  if (problems.length > 0) throw new InputError(problems)
  const {
    environments: _,
    catalogs: __,
    rule_packs: ___,
    scheduler,
    notifications: ____,
    selection,
    incremental,
    results,
    full_every: fullEvery,
    ...other
  } = document.value
  return {
    file,
    env,
    environments,
    catalogs,
    scheduler,
    rulePacks: packs,
    notifications,
    selection: selection ?? undefined,
    incremental: incremental ?? undefined,
    publish: results?.publish ?? undefined,
    fullEvery: fullEvery ?? undefined,
    other,
  }
}

function settingOf(
  document: ConfigDocument,
  path: readonly PropertyKey[],
  text: string,
  problems: Problem[],
): Setting {
  const setting = { text, problem: (message: string) => document.problemAt(path, message) }
  const problem = referenceProblem(text)
  if (problem !== undefined) problems.push(setting.problem(problem))
  return setting
}

function environmentsOf(document: ConfigDocument, problems: Problem[]): Map<string, Environment> {
  const { environments } = document.value
  const names = Object.keys(environments)
  if (names.length === 0) problems.push(document.problemAt(['environments'], 'holds no environment'))
  return new Map(
    Object.entries(environments).map(([name, source]) => {
      const path = ['environments', name]
      const problem = nameProblem(name, MAX_ENVIRONMENT)
      if (problem !== undefined) problems.push(document.problemAt(path, problem))
      const url = source.database_url ?? undefined
      const environment: Environment = {
        name,
        description: source.description ?? null,
        databaseUrl:
          url === undefined ? undefined : settingOf(document, [...path, 'database_url'], url, problems),
        selection: source.selection ?? undefined,
        storage: source.storage,
      }
      return [name, environment]
    }),
  )
}

function catalogsOf(document: ConfigDocument, problems: Problem[]): Map<string, Catalog> {
  const catalogs = new Map<string, Catalog>()
  for (const [name, { path: text, framework }] of Object.entries(document.value.catalogs ?? {})) {
    const place = ['catalogs', name]
    const twin = catalogs.get(catalogKey(name))
    const problem =
      nameProblem(name, MAX_CATALOG) ??
      (twin && `is the same catalog as "${twin.name}" above ("-" and "_" are one); keep one of them`)
    if (problem !== undefined) problems.push(document.problemAt(place, problem))
    const path = text === undefined ? undefined : settingOf(document, place, text, problems)
    catalogs.set(catalogKey(name), { name, path, framework })
  }
  return catalogs
}

function nameProblem(name: string, max: number): string | undefined {
  if (name.trim() !== name || name === '') return 'a name must not be empty, nor begin or end with a space'
  if (/[\p{Cc}\p{Cs}]/u.test(name))
    return 'a name must not contain control characters or half of a surrogate pair'
  const invisible = invisibleIn(name)
  if (invisible !== undefined) return `a name must not contain ${invisible}`
  const length = Array.from(name).length
  return length > max ? `this name has ${length} characters; at most ${max} can be stored` : undefined
}

/** One key for all spellings of a catalog's name: `nist_800_53`, `NIST-800-53`. */
export function catalogKey(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

/** The named environment; an unknown one is an InputError with the nearest name, or all of them. */
export function environmentOf(config: Config, name: string): Environment {
  const environment = config.environments.get(name)
  if (environment !== undefined) return environment
  const known = suggestion(name, [...config.environments.keys()])
  throw new InputError({ file: config.file, message: `there is no environment ${quoted(name)} here${known}` })
}

/** Path of the named catalog, in any spelling of its name; an unknown one is an InputError. */
export function catalogPath(config: Config, name: string): string {
  const catalog = config.catalogs.get(catalogKey(name))
  if (catalog?.path !== undefined) return pathOf(config, catalog.path)
  if (catalog !== undefined) {
    const message = `catalogs.${catalog.name} has no path; write the one to import it from`
    throw new InputError({ file: config.file, message })
  }
  const known = suggestion(catalogKey(name), [...config.catalogs.keys()])
  throw new InputError({ file: config.file, message: `there is no catalog ${quoted(name)} here${known}` })
}

/** The frameworks that the file names, by `nameKey` of the catalog. */
export function catalogFrameworks({ catalogs }: Config): ReadonlyMap<string, string> {
  return new Map(
    [...catalogs.values()].flatMap(({ name, framework }): [string, string][] =>
      framework === undefined ? [] : [[nameKey(name), framework]],
    ),
  )
}

/** The user's rule packs, in the file's order. */
export function rulePackPaths(config: Config): string[] {
  return config.rulePacks.map((pack) => pathOf(config, pack))
}

/** A path of the configuration, from the folder that the configuration is in. */
export function pathOf(config: Config, setting: Setting): string {
  const path = expand(setting, config.env)
  if (path === '') throw new InputError(setting.problem('is empty once its variables are put in'))
  return isAbsolute(path) ? path : join(dirname(config.file), path)
}

/**
 * sha256 of the settings that decisions depend on, so that workers of one run can detect different configurations. Rules
 * have a digest of their own; the database URL does not affect decisions.
 */
export function configDigest(config: Config, environmentName: string): string {
  const { name } = environmentOf(config, environmentName)
  const frameworks = [...catalogFrameworks(config)].sort(([a], [b]) => compareText(a, b))
  return sha256Hex(
    JSON.stringify({ environment: name, frameworks: frameworks.length > 0 ? frameworks : undefined }),
  )
}

function quoted(name: string): string {
  return JSON.stringify(name)
}
