import { command, option, optional, positional } from 'cmd-ts'
import type { JobRun } from '../../db/runs/job-runs.ts'
import type { ListedRun } from '../../run-view/run-json.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import { withDatabases } from '../shared/databases.ts'
import type { WhereOptions } from '../shared/databases.ts'
import { findRun, newestRuns, runChoice } from '../shared/find-run.ts'
import type { FoundRun } from '../shared/find-run.ts'
import { group } from '../shared/group.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { formatArgs, readingArgs } from '../shared/options.ts'
import { replayCommand } from './replay.ts'
import { controlsCommand, systemsCommand } from './run-figures.ts'
import { choice } from '../shared/values.ts'

const DEFAULT_LIMIT = 20

const listArgs = {
  ...readingArgs,
  status: option({
    long: 'status',
    type: optional(choice(['running', 'success', 'failed'])),
    description: 'Only runs with this status: running, success or failed',
  }),
  limit: option({
    long: 'limit',
    type: positiveInteger('COUNT'),
    defaultValue: () => DEFAULT_LIMIT,
    defaultValueIsSerializable: true,
    description: 'How many runs at most, the newest first',
  }),
  ...formatArgs,
}

/** One command under two names; the help of each name mentions the other. */
const listCommand = (group: string, name: string, otherName: string) =>
  command({
    name,
    description: `List the runs, newest first; without --env those of every database in the configuration. The same as "rapidrmf ${otherName}"`,
    args: listArgs,
    examples: [
      {
        description: 'What failed lately',
        command: `rapidrmf ${group} ${name} --status failed --limit 10`,
      },
      { description: 'With whole error texts', command: `rapidrmf ${group} ${name} -o wide` },
      { description: 'For a script', command: `rapidrmf ${group} ${name} --env production --json` },
    ],
    handler:
      (options: ListOptions): Action =>
      (io) =>
        list(options, io),
  })

/** `rapidrmf scheduler runs` */
export const runsCommand = listCommand('scheduler', 'runs', 'runs list')

const showCommand = command({
  name: 'show',
  description: 'Show one run: its verdict, digests, counts, attempts and systems',
  args: {
    id: positional({ type: runChoice }),
    ...readingArgs,
    ...formatArgs,
  },
  examples: [
    {
      description: 'How the newest run of production went',
      command: 'rapidrmf runs show latest --env production',
    },
    { description: 'Why a run failed', command: 'rapidrmf runs show 12' },
    {
      description: 'Every database counts its runs from 1: say which',
      command: 'rapidrmf runs show 12 --env production --json',
    },
  ],
  handler:
    ({ id, json, wide, ...where }): Action =>
    async (io) => {
      const { runDetail, runDetailJson } = await import('../../run-view/run-detail.ts')
      const { runDetailText } = await import('../../run-view/run-detail-text.ts')
      const { timingFrom } = await import('../../run/from-config.ts')
      const { abandonAfter } = timingFrom(io.env)
      const detail = await withDatabases(where, io, async (databases) => {
        const { run, database } = await findRun(databases, id, where.env)
        return database.read((client) => runDetail(client, run, abandonAfter))
      })
      if (json) await writeJson(io.stdout, runDetailJson(detail))
      else await write(io.stdout, runDetailText(detail, tableWidth(io.stdout, { wide })))
      return 0
    },
})

/** `rapidrmf runs` */
export const runsGroup = group({
  name: 'runs',
  description: 'List the runs, show one and its figures, or evaluate one again',
  cmds: {
    list: listCommand('runs', 'list', 'scheduler runs'),
    show: showCommand,
    replay: replayCommand,
    controls: controlsCommand,
    systems: systemsCommand,
  },
})

type ListOptions = WhereOptions & {
  readonly status: string | undefined
  readonly limit: number
  readonly json: boolean
  readonly wide: boolean
}

async function list({ json, wide, status, limit, ...where }: ListOptions, io: Io): Promise<number> {
  const { timingFrom } = await import('../../run/from-config.ts')
  const { abandonAfter } = timingFrom(io.env)
  const runs = await withDatabases(where, io, async (databases) =>
    withSilence(await newestRuns(databases, { env: where.env, status, limit }), abandonAfter),
  )
  if (json) {
    const { runJson } = await import('../../run-view/run-json.ts')
    await writeJson(io.stdout, runs.map(runJson))
    return 0
  }
  await write(io.stdout, await runTable(runs, tableWidth(io.stdout, { wide })))
  if (runs.length === 0) await write(io.stderr, 'no runs\n')
  return 0
}

/** The runs; a running one without a live attempt has the time of the last heartbeat. */
async function withSilence(found: readonly FoundRun[], abandonAfter: number): Promise<ListedRun[]> {
  const { silentSince } = await import('../../db/runs/attempts.ts')
  const silences = new Map<FoundRun, string>()
  for (const [database, runs] of Map.groupBy(found, (each) => each.database)) {
    const ids = runs.filter(({ run }) => run.status === 'running').map(({ run }) => run.id)
    if (ids.length === 0) continue
    const since = await database.read((client) => silentSince(client, ids, abandonAfter))
    for (const each of runs) if (since.has(each.run.id)) silences.set(each, since.get(each.run.id)!)
  }
  return found.map((each) => ({ ...each.run, silentSince: silences.get(each) ?? null }))
}

async function runTable(runs: readonly ListedRun[], width: number | undefined): Promise<string> {
  const { renderTable } = await import('../../output/table.ts')
  const { silenceText, tableTime } = await import('../../run-view/run-json.ts')
  const columns: Column<ListedRun>[] = [
    { title: 'ID', value: ({ id }) => id },
    { title: 'Env', value: ({ environment }) => environment, minWidth: 6 },
    { title: 'Status', value: ({ status }) => status },
    { title: 'Started', value: (run) => tableTime(run.started_at), minWidth: 19, rank: 2 },
    { title: 'Finished', value: (run) => tableTime(run.finished_at), rank: 4 },
    { title: 'Verdict', value: ({ verdict }) => verdict },
    ...(await scopeColumn(runs)),
    { title: 'Error', value: (run) => run.error ?? silenceText(run), minWidth: 5, rank: 3 },
  ]
  return renderTable(columns, runs, { width })
}

/** The scope of the verdict, shown only if a run was restricted. */
async function scopeColumn(runs: readonly JobRun[]): Promise<Column<JobRun>[]> {
  const { storedScope } = await import('../../selection/scope.ts')
  const value = ({ attributes }: JobRun): string => storedScope(attributes)?.text ?? ''
  if (runs.every((run) => value(run) === '')) return []
  return [{ title: 'Scope', value, minWidth: 8, rank: 1 }]
}
