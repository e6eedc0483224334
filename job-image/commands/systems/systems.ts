import { command, flag, option, optional, restPositionals, string } from 'cmd-ts'
import type { ListedSystem } from '../../db/systems/system-list.ts'
import type { RemovedSystem } from '../../db/systems/system-removal.ts'
import { EXIT, InputError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import { plural } from '../../plural.ts'
import { withDatabase } from '../shared/connection.ts'
import type { DatabaseOptions } from '../shared/connection.ts'
import { withDatabases } from '../shared/databases.ts'
import type { WhereOptions } from '../shared/databases.ts'
import { group } from '../shared/group.ts'
import { configOption, databaseUrlOption, formatArgs, readingArgs } from '../shared/options.ts'
import { text } from '../shared/values.ts'

const listCommand = command({
  name: 'list',
  description: 'List the systems with their evidence and what their newest run came to',
  args: {
    ...readingArgs,
    system: option({
      long: 'system',
      type: optional(text('NAME')),
      description: 'Only this system; * and ? match any characters and any one',
    }),
    ...formatArgs,
  },
  examples: [
    { description: 'Of one environment', command: 'rapidrmf systems list --env production' },
    { description: 'For a script', command: 'rapidrmf systems list --system "payments-*" --json' },
  ],
  handler:
    (options: ListOptions): Action =>
    (io) =>
      list(options, io),
})

type ListOptions = WhereOptions & {
  readonly system: string | undefined
  readonly json: boolean
  readonly wide: boolean
}

const LIST_COLUMNS: readonly Column<ListedSystem>[] = [
  { title: 'System', value: ({ system }) => system, minWidth: 12 },
  { title: 'Env', value: ({ environment }) => environment, minWidth: 6 },
  { title: 'Evidence', value: ({ evidence }) => evidence, align: 'right' },
  { title: 'Expired', value: ({ expired }) => expired, align: 'right', rank: 2 },
  { title: 'Last run', value: ({ last_run: last }) => last?.run_id, align: 'right' },
  { title: 'Pass', value: ({ last_run: last }) => last?.pass, align: 'right', rank: 2 },
  {
    title: 'Not pass',
    value: ({ last_run: last }) => (last?.state === 'error' ? 'error' : last?.not_pass),
    align: 'right',
  },
]

async function list({ json, wide, system, ...where }: ListOptions, io: Io): Promise<number> {
  const { listSystems } = await import('../../db/systems/system-list.ts')
  const filter = { environment: where.env, system }
  const systems = await withDatabases(where, io, (databases) =>
    Promise.all(databases.map(({ read }) => read((client) => listSystems(client, filter)))),
  )
  const rows = systems.flat()
  if (json) {
    const { isoTimestamp } = await import('../../time.ts')
    await writeJson(
      io.stdout,
      rows.map((row) => listedJson(row, isoTimestamp)),
    )
    return EXIT.ok
  }
  await write(io.stdout, await table(LIST_COLUMNS, rows, tableWidth(io.stdout, { wide })))
  if (rows.length === 0) await write(io.stderr, 'no systems\n')
  return EXIT.ok
}

type IsoTimestamp = (text: string) => string | null

function listedJson({ last_run: last, ...system }: ListedSystem, isoTimestamp: IsoTimestamp): object {
  return {
    ...system,
    created_at: isoTimestamp(system.created_at),
    last_run: last === null ? null : { ...last, decided_at: isoTimestamp(last.decided_at) },
  }
}

const removeCommand = command({
  name: 'remove',
  description:
    'Remove systems with their evidence and, with --results, their results. Runs keep their counts. Rows of other programs that refer to a system are never removed: they are listed, and nothing is done. Without --yes and --dry-run: a dry run with exit code 2',
  args: {
    names: restPositionals({
      displayName: 'NAME',
      type: string,
      description: 'Names of systems; with --env also patterns with * and ?',
    }),
    config: configOption,
    env: option({
      long: 'env',
      type: optional(text('NAME')),
      description:
        'Only systems of this environment, in its database. Default: any, in the database of production',
    }),
    databaseUrl: databaseUrlOption,
    results: flag({ long: 'results', description: 'Remove the results of these systems, too' }),
    dryRun: flag({ long: 'dry-run', description: 'Report what would be removed, and remove nothing' }),
    yes: flag({ long: 'yes', description: 'Remove: without this flag nothing is removed' }),
    ...formatArgs,
  },
  examples: [
    {
      description: 'See what would go',
      command: 'rapidrmf systems remove legacy-fax-gateway --results --dry-run',
    },
    {
      description: 'Take out the samples of the quickstart',
      command: "rapidrmf systems remove '*' --env quickstart --results --yes",
    },
  ],
  handler:
    (options: RemoveOptions): Action =>
    (io) =>
      remove(options, io),
})

type RemoveOptions = DatabaseOptions & {
  readonly names: readonly string[]
  readonly results: boolean
  readonly dryRun: boolean
  readonly yes: boolean
  readonly json: boolean
  readonly wide: boolean
}

const REMOVED_COLUMNS: readonly Column<RemovedSystem>[] = [
  { title: 'System', value: ({ system }) => system, minWidth: 12 },
  { title: 'Env', value: ({ environment }) => environment, minWidth: 6 },
  { title: 'Evidence', value: ({ evidence }) => evidence, align: 'right' },
  { title: 'Results', value: ({ results }) => results, align: 'right' },
  { title: 'Of others', value: ({ other_results: others }) => others, align: 'right', rank: 2 },
  { title: 'In runs', value: ({ runs }) => runs, align: 'right', rank: 2 },
]

/** A removal without --yes is a trial that fails: a script that forgot the flag must not take it for done. */
async function remove(
  { names, results, dryRun, yes, json, wide, ...where }: RemoveOptions,
  io: Io,
): Promise<number> {
  const { isPattern, removeSystems } = await import('../../db/systems/system-removal.ts')
  if (names.length === 0)
    throw new InputError('name the systems to remove; "rapidrmf systems list" lists them')
  const pattern = names.find(isPattern)
  if (pattern !== undefined && where.env === undefined) {
    throw new InputError(
      `the pattern ${JSON.stringify(pattern)} needs --env: it removes systems of one environment`,
    )
  }
  const trial = dryRun || !yes
  const purpose = { name: 'systems', writes: !trial, currentSchema: true }
  const systems = await withDatabase(where, purpose, io, (client) =>
    removeSystems(client, { names, environment: where.env, results, dryRun: trial }),
  )
  if (json) await writeJson(io.stdout, { removed: !trial, systems })
  else {
    const outcome = `${plural(systems.length, 'system')} ${trial ? 'would be removed' : 'removed'}\n`
    const removed = await table(REMOVED_COLUMNS, systems, tableWidth(io.stdout, { wide }))
    await write(io.stdout, removed + outcome)
  }
  if (dryRun || yes) return EXIT.ok
  throw new InputError('nothing was removed: add --yes to remove these systems')
}

async function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): Promise<string> {
  const { renderTable } = await import('../../output/table.ts')
  return renderTable(columns, rows, { width })
}

/** `rapidrmf systems` */
export const systemsGroup = group({
  name: 'systems',
  description: 'List the systems, or remove some',
  cmds: { list: listCommand, remove: removeCommand },
})
