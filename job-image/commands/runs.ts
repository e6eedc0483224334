import { command, oneOf, option, optional, positional, subcommands } from 'cmd-ts'
import type { JobRun } from '../db/job-runs.ts'
import { write, writeJson } from '../io.ts'
import type { Action, Io, Output } from '../io.ts'
import type { Column } from '../output/table.ts'
import { withDatabases } from './databases.ts'
import type { WhereOptions } from './databases.ts'
import { findRun } from './find-run.ts'
import { positiveInteger } from './numbers.ts'
import { anyEnvOption, configOption, databaseUrlOption, jsonFlag } from './reading-options.ts'
import { controlsCommand, systemsCommand } from './run-figures.ts'

const DEFAULT_LIMIT = 20

const listArgs = {
  config: configOption,
  env: anyEnvOption,
  databaseUrl: databaseUrlOption,
  status: option({
    long: 'status',
    type: optional(oneOf(['running', 'success', 'failed'])),
    description: 'Only runs with this status: running, success or failed',
  }),
  limit: option({
    long: 'limit',
    type: positiveInteger('count'),
    defaultValue: () => DEFAULT_LIMIT,
    defaultValueIsSerializable: true,
    description: 'How many runs at most, the newest first',
  }),
  json: jsonFlag,
}

/** The one command under both of its names. */
const listCommand = (group: string, name: string) =>
  command({
    name,
    description: 'List the runs, newest first; without --env those of every database in the configuration',
    args: listArgs,
    examples: [
      {
        description: 'What failed lately',
        command: `rapidrmf ${group} ${name} --status failed --limit 10`,
      },
      { description: 'For a script', command: `rapidrmf ${group} ${name} --env production --json` },
    ],
    handler:
      (options: ListOptions): Action =>
      (io) =>
        list(options, io),
  })

/** `rapidrmf scheduler runs` */
export const runsCommand = listCommand('scheduler', 'runs')

const showCommand = command({
  name: 'show',
  description: 'Show one run: its verdict, digests, counts, attempts and systems',
  args: {
    id: positional({ displayName: 'id', type: positiveInteger('id'), description: 'Id of the run' }),
    config: configOption,
    env: anyEnvOption,
    databaseUrl: databaseUrlOption,
    json: jsonFlag,
  },
  examples: [
    { description: 'Why a run failed', command: 'rapidrmf runs show 12' },
    {
      description: 'Every database counts its runs from 1: say which',
      command: 'rapidrmf runs show 12 --env production --json',
    },
  ],
  handler:
    ({ id, json, ...where }): Action =>
    async (io) => {
      const { runDetail, runDetailJson } = await import('../run/run-detail.ts')
      const { runDetailText } = await import('../output/run-detail.ts')
      const detail = await withDatabases(where, io, async (databases) => {
        const { run, database } = await findRun(databases, id)
        return database.read((client) => runDetail(client, run))
      })
      if (json) await writeJson(io.stdout, runDetailJson(detail))
      else await write(io.stdout, runDetailText(detail, widthOf(io.stdout)))
      return 0
    },
})

/** `rapidrmf runs` */
export const runsGroup = subcommands({
  name: 'runs',
  description: 'List the runs, or show one and its figures',
  cmds: {
    list: listCommand('runs', 'list'),
    show: showCommand,
    controls: controlsCommand,
    systems: systemsCommand,
  },
})

type ListOptions = WhereOptions & {
  readonly status: string | undefined
  readonly limit: number
  readonly json: boolean
}

async function list({ json, ...options }: ListOptions, io: Io): Promise<number> {
  const runs = await recentRuns(options, io)
  if (json) {
    const { runJson } = await import('../run/run-json.ts')
    await writeJson(io.stdout, runs.map(runJson))
    return 0
  }
  await write(io.stdout, await runTable(runs, widthOf(io.stdout)))
  if (runs.length === 0) await write(io.stderr, 'no runs\n')
  return 0
}

/** Each database gives as many as may be asked for, so that the newest of all of them are among these. */
async function recentRuns({ status, limit, ...where }: Omit<ListOptions, 'json'>, io: Io): Promise<JobRun[]> {
  const { getRecentJobRuns } = await import('../db/job-runs.ts')
  const { parseTimestamp } = await import('../time.ts')
  const filter = {
    limit,
    ...(where.env === undefined ? {} : { environment: where.env }),
    ...(status === undefined ? {} : { status }),
  }
  const perDatabase = await withDatabases(where, io, (databases) =>
    Promise.all(databases.map(({ read }) => read((client) => getRecentJobRuns(client, filter)))),
  )
  if (perDatabase.length === 1) return perDatabase.flat()
  // Not a difference: of two infinite times it would not be a number. The sort is stable, so ids stay in order.
  const newestFirst = (a: { at: number }, b: { at: number }): number =>
    a.at === b.at ? 0 : b.at > a.at ? 1 : -1
  return perDatabase
    .flat()
    .map((run) => ({ run, at: parseTimestamp(run.started_at) }))
    .sort(newestFirst)
    .slice(0, limit)
    .map(({ run }) => run)
}

async function runTable(runs: readonly JobRun[], width: number | undefined): Promise<string> {
  const { renderTable } = await import('../output/table.ts')
  const { tableTime } = await import('../run/run-json.ts')
  const columns: Column<JobRun>[] = [
    { title: 'ID', value: ({ id }) => id },
    { title: 'Env', value: ({ environment }) => environment, minWidth: 6 },
    { title: 'Status', value: ({ status }) => status },
    { title: 'Started', value: (run) => tableTime(run.started_at), minWidth: 19, rank: 2 },
    { title: 'Finished', value: (run) => tableTime(run.finished_at), rank: 4 },
    { title: 'Verdict', value: ({ verdict }) => verdict },
    ...(await scopeColumn(runs)),
    { title: 'Error', value: ({ error }) => error, minWidth: 5, rank: 3 },
  ]
  return renderTable(columns, runs, { width })
}

/** Only where a run was restricted: what its verdict is about, so that nobody takes it for that of everything. */
async function scopeColumn(runs: readonly JobRun[]): Promise<Column<JobRun>[]> {
  const { storedScope } = await import('../selection/scope.ts')
  const value = ({ attributes }: JobRun): string => storedScope(attributes)?.text ?? ''
  if (runs.every((run) => value(run) === '')) return []
  return [{ title: 'Scope', value, minWidth: 8, rank: 1 }]
}

function widthOf({ isTTY, columns }: Output): number | undefined {
  return isTTY === true ? columns : undefined
}
