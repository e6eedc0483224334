import { array, command, flag, multioption, option, optional, restPositionals, string } from 'cmd-ts'
import { existsSync } from 'node:fs'
import type { BaselineSummary } from '../../db/inputs/baselines.ts'
import type { CatalogSummary } from '../../db/inputs/catalogs.ts'
import { InputError } from '../../errors.ts'
import { say, write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import type { ImportReport } from '../../oscal/import.ts'
import type { Prepared } from '../../oscal/import-file.ts'
import type { FileReader } from '../../oscal/reference.ts'
import { tableWidth } from '../../output/table-width.ts'
import { renderTable } from '../../output/table.ts'
import type { Column } from '../../output/table.ts'
import type { Config } from '../../config/config.ts'
import { plural } from '../../plural.ts'
import { withDatabase } from '../shared/connection.ts'
import { group } from '../shared/group.ts'
import { configOption, databaseEnvOption, databaseUrlOption, formatArgs } from '../shared/options.ts'
import { text } from '../shared/values.ts'

const PURPOSE = { name: 'catalog', currentSchema: true }

const importCommand = command({
  name: 'import',
  description:
    'Import OSCAL catalogs and profiles (JSON or YAML); without a file, all catalogs of the configuration',
  args: {
    files: restPositionals({ displayName: 'FILE', type: string, description: 'OSCAL catalog or profile' }),
    builtin: option({
      long: 'builtin',
      type: optional({ ...string, displayName: 'nist-800-53-rev5' }),
      description: 'Import the built-in catalog and its baselines: nist-800-53-rev5',
    }),
    map: multioption({
      long: 'map',
      type: array(text('UUID_OR_HREF=FILE')),
      description:
        'UUID_OR_HREF=FILE: the file that a profile means; FILE may be builtin:nist-800-53-rev5; repeatable',
    }),
    name: option({
      long: 'name',
      type: optional(text('NAME')),
      description: 'Name to store it under (default: from the title or the file name)',
    }),
    framework: option({
      long: 'framework',
      type: optional(text('NAME')),
      description:
        'The framework it belongs to (default: from its title and controls), which decides on the rules',
    }),
    yes: flag({
      long: 'yes',
      description: 'Import even if more than a tenth of the controls of a catalog are removed by it',
    }),
    dryRun: flag({ long: 'dry-run', description: 'Say what would change, and change nothing' }),
    config: configOption,
    env: databaseEnvOption,
    databaseUrl: databaseUrlOption,
    ...formatArgs,
  },
  examples: [
    {
      description: 'NIST SP 800-53 and its baselines, without a file',
      command: 'rapidrmf catalog import --builtin nist-800-53-rev5',
    },
    {
      description: 'What a profile of your own would change',
      command: 'rapidrmf catalog import ours.json --name ours --dry-run',
    },
    {
      description: 'A catalog whose title does not say that it is a tailoring of NIST SP 800-53',
      command: 'rapidrmf catalog import ours.json --framework nist-800-53-rev5',
    },
  ],
  handler:
    (args): Action =>
    async (io) => {
      const { resolveDatabase } = await import('../../config/target.ts')
      const { config } = resolveDatabase(args, io)
      // Everything is read and checked before the database is even asked for.
      const prepared = await prepare(args, config, io)
      const { storeImports } = await import('../../db/inputs/import.ts')
      const purpose = { ...PURPOSE, writes: !args.dryRun }
      const reports = await withDatabase(args, purpose, io, (client) =>
        storeImports(
          client,
          prepared.map(({ item }) => item),
          { dryRun: args.dryRun, confirmed: args.yes },
        ),
      )
      const isOpen = args.dryRun && !args.yes
      const warnings = [
        ...prepared.flatMap((each) => each.warnings),
        ...reports.flatMap(missingWarning),
        ...(isOpen ? reports.flatMap(removalWarning) : []),
      ]
      if (args.json) {
        await writeJson(io.stdout, { dry_run: args.dryRun, imports: reports.map(reportJson), warnings })
        return 0
      }
      for (const warning of warnings) await say(io.stderr, `warning: ${warning}`)
      await write(io.stdout, renderTable(REPORT_COLUMNS, reports, { width: tableWidth(io.stdout, args) }))
      if (args.dryRun) await write(io.stdout, 'Dry run: nothing was changed.\n')
      return 0
    },
})

const listCommand = command({
  name: 'list',
  description: 'List the catalogs and baselines of the database',
  args: { config: configOption, env: databaseEnvOption, databaseUrl: databaseUrlOption, ...formatArgs },
  examples: [
    {
      description: 'Catalogs that production is validated against',
      command: 'rapidrmf catalog list --env production',
    },
    { description: 'For a script', command: 'rapidrmf catalog list --json' },
  ],
  handler:
    (args): Action =>
    async (io) => {
      const { listCatalogs } = await import('../../db/inputs/catalogs.ts')
      const { listBaselines } = await import('../../db/inputs/baselines.ts')
      const { optionalConfig } = await import('../../config/target.ts')
      const { catalogFrameworks } = await import('../../config/config.ts')
      const config = optionalConfig(args, io)
      const frameworks = config && catalogFrameworks(config)
      const { catalogs, baselines } = await withDatabase(args, PURPOSE, io, async (client) => ({
        catalogs: await listCatalogs(client, frameworks),
        baselines: await listBaselines(client),
      }))
      if (args.json) {
        const json = { catalogs: catalogs.map(catalogJson), baselines: baselines.map(baselineJson) }
        await writeJson(io.stdout, json)
        return 0
      }
      const width = tableWidth(io.stdout, args)
      if (catalogs.length === 0) await write(io.stdout, NO_CATALOGS)
      else await write(io.stdout, renderTable(CATALOG_COLUMNS, catalogs, { width }))
      if (baselines.length > 0) await write(io.stdout, renderTable(BASELINE_COLUMNS, baselines, { width }))
      return 0
    },
})

export const catalogCommand = group({
  name: 'catalog',
  description: 'Import and list catalogs of controls and their baselines',
  cmds: { import: importCommand, list: listCommand },
})

const NO_CATALOGS = 'No catalogs yet. Import one: rapidrmf catalog import --builtin nist-800-53-rev5\n'

type ImportArgs = {
  readonly files: readonly string[]
  readonly builtin: string | undefined
  readonly map: readonly string[]
  readonly name: string | undefined
  readonly framework: string | undefined
}

type Source = { readonly file: string; readonly name: string | undefined }

async function prepare(args: ImportArgs, config: Config | undefined, io: Io): Promise<Prepared[]> {
  const { prepareFile } = await import('../../oscal/import-file.ts')
  const reader = await fileReader(io)
  const { fileMap } = await import('../../oscal/file-map.ts')
  const { nameKey } = await import('../../rules/framework.ts')
  const { catalogFrameworks } = await import('../../config/config.ts')
  const frameworks = config === undefined ? new Map<string, string>() : catalogFrameworks(config)
  const map = fileMap(args.map)
  const builtin = args.builtin === undefined ? [] : await builtinImports(args.builtin, args.name)
  const files = args.files.map((file): Source => ({ file, name: args.name }))
  const configured = builtin.length + files.length === 0 ? await configuredFiles(config) : []
  if (args.name !== undefined && files.length + configured.length + Math.min(builtin.length, 1) > 1) {
    throw new InputError('--name is the name of one import: give one file only')
  }
  if (args.framework !== undefined && builtin.length > 0) {
    throw new InputError('--framework: that of the built-in catalog is known; leave it out')
  }
  const prepared = [...files, ...configured].map(({ file, name }) => {
    const options = { reader, map, name: args.name ?? name, framework: args.framework }
    const first = prepareFile(file, options)
    const framework = first.item.kind === 'catalog' ? frameworks.get(nameKey(first.item.name)) : undefined
    if (args.framework !== undefined || framework === undefined) return first
    // What the configuration says of a catalog depends on its name, which a document without one only now has.
    return prepareFile(file, { ...options, name: first.item.name, framework })
  })
  const all = [...builtin, ...prepared]
  await refuseSameName(all)
  return all
}

async function builtinImports(text: string, name: string | undefined): Promise<Prepared[]> {
  const { NIST_800_53_REV5, frameworkName } = await import('../../rules/framework.ts')
  if (frameworkName(text) !== NIST_800_53_REV5) {
    throw new InputError(`--builtin: there is no built-in catalog "${text}"; known: ${NIST_800_53_REV5}`)
  }
  const { prepareBuiltin } = await import('../../oscal/import-file.ts')
  return prepareBuiltin(name)
}

/** `catalogs` of the configuration: stored under the names that it gives them. */
async function configuredFiles(config: Config | undefined): Promise<Source[]> {
  const { catalogPath } = await import('../../config/config.ts')
  const catalogs = [...(config?.catalogs.values() ?? [])].filter(({ path }) => path !== undefined)
  if (config === undefined || catalogs.length === 0) {
    const where = config === undefined ? '' : ` (${config.file} has no catalogs)`
    throw new InputError(`nothing to import${where}: give a file, or --builtin nist-800-53-rev5`)
  }
  return catalogs.map(({ name }) => ({ name, file: catalogPath(config, name) }))
}

/** The later one would silently replace the earlier one. */
async function refuseSameName(all: readonly Prepared[]): Promise<void> {
  const { nameKey } = await import('../../rules/framework.ts')
  const keyOf = ({ item }: Prepared): string => `${item.kind} ${nameKey(item.name)}`
  for (const [first, second] of Map.groupBy(all, keyOf).values()) {
    if (first === undefined || second === undefined) continue
    const { kind, name, source } = first.item
    throw new InputError({
      file: second.item.source,
      message: `would be stored as the ${kind} "${name}", as would ${source}; import them one at a time, one with --name`,
    })
  }
}

async function fileReader({ cwd }: Io): Promise<FileReader> {
  const { readTextFile } = await import('../../document.ts')
  const { configFile } = await import('../../config/target.ts')
  return {
    read: (file) => readTextFile(configFile(file, { cwd }), 'OSCAL document'),
    exists: (file) => existsSync(configFile(file, { cwd })),
  }
}

/** A baseline of controls that nothing will decide is hardly what was meant. */
function missingWarning({ name, kind, framework, controls, missing }: ImportReport): string[] {
  if (kind !== 'baseline' || missing.length === 0) return []
  const isBuiltIn = framework === 'nist-800-53-rev5'
  const remedy = `import their catalog too${isBuiltIn ? ', for example --builtin nist-800-53-rev5' : ''}`
  return [
    `baseline "${name}": ${missing.length} of ${plural(controls, 'control')} ${missing.length === 1 ? 'is' : 'are'} in no catalog of ${framework} here (${firstOf(missing)}); ${remedy}`,
  ]
}

/** The note of a dry run: without --yes the import would be refused. */
function removalWarning({ name, kind, removedIds, removesMany }: ImportReport): string[] {
  if (kind !== 'catalog' || !removesMany) return []
  return [
    `catalog "${name}": more than a tenth of its controls ${removedIds.length === 1 ? 'is' : 'are'} to be marked as removed (${removedIds.length}: ${firstOf(removedIds)}); the import needs --yes`,
  ]
}

function firstOf(ids: readonly string[]): string {
  return ids.slice(0, 5).join(', ') + (ids.length > 5 ? ', …' : '')
}

const REPORT_COLUMNS: readonly Column<ImportReport>[] = [
  { title: 'Kind', value: ({ kind }) => kind, minWidth: 8 },
  { title: 'Name', value: ({ name }) => name, minWidth: 16 },
  { title: 'Version', value: ({ version }) => version, minWidth: 7, rank: 4 },
  { title: 'Controls', value: ({ controls }) => controls, align: 'right', rank: 2 },
  { title: 'Withdrawn', value: ({ withdrawn }) => withdrawn, align: 'right', rank: 4 },
  { title: 'Added', value: ({ added }) => added, align: 'right' },
  { title: 'Changed', value: ({ changed }) => changed, align: 'right' },
  { title: 'Removed', value: ({ removed }) => removed, align: 'right' },
  { title: 'Unchanged', value: ({ unchanged }) => unchanged, align: 'right', rank: 2 },
]

const CATALOG_COLUMNS: readonly Column<CatalogSummary>[] = [
  { title: 'Catalog', value: ({ name }) => name, minWidth: 16 },
  { title: 'Framework', value: frameworkText, minWidth: 12, rank: 6 },
  { title: 'Version', value: ({ version }) => version, minWidth: 7, rank: 1 },
  { title: 'Controls', value: ({ controls }) => controls, align: 'right' },
  { title: 'Active', value: ({ active }) => active, align: 'right' },
  { title: 'Withdrawn', value: ({ withdrawn }) => withdrawn, align: 'right' },
  { title: 'Removed', value: ({ removed }) => removed, align: 'right', rank: 4 },
  { title: 'Loaded', value: ({ loadedAt }) => loadedAt, minWidth: 11, rank: 4 },
  { title: 'Source', value: ({ source }) => source, minWidth: 12, rank: 4 },
]

const BASELINE_COLUMNS: readonly Column<BaselineSummary>[] = [
  { title: 'Baseline', value: ({ name }) => name, minWidth: 25 },
  { title: 'Framework', value: ({ framework }) => framework, minWidth: 12, rank: 6 },
  { title: 'Version', value: ({ version }) => version, minWidth: 7, rank: 1 },
  { title: 'Controls', value: ({ controls }) => controls, align: 'right' },
  { title: 'Loaded', value: ({ loadedAt }) => loadedAt, minWidth: 11, rank: 4 },
  { title: 'Source', value: ({ source }) => source, minWidth: 12, rank: 4 },
]

function reportJson({ removedIds, removesMany, ...report }: ImportReport): Record<string, unknown> {
  return { ...report, removed_ids: removedIds, needs_confirmation: removesMany }
}

/** The framework as it is stored, and what it was recognised as where that says more: "NIST (nist-800-53-rev5)". */
function frameworkText({ framework, identifiedAs }: CatalogSummary): string {
  return identifiedAs === framework ? framework : `${framework} (${identifiedAs ?? 'not known'})`
}

function catalogJson({ loadedAt, identifiedAs, ...catalog }: CatalogSummary): Record<string, unknown> {
  return { ...catalog, identified_as: identifiedAs, loaded_at: loadedAt }
}

function baselineJson({ loadedAt, ...baseline }: BaselineSummary): Record<string, unknown> {
  return { ...baseline, loaded_at: loadedAt }
}
