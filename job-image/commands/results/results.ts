import { command, flag, option, optional } from 'cmd-ts'
import type { ControlName } from '../../db/inputs/control-names.ts'
import type { ResultFilter } from '../../db/record/result-reads.ts'
import { InputError, InterruptedError } from '../../errors.ts'
import type { Action, Io } from '../../io.ts'
import { say, write } from '../../io.ts'
import type { ResultFormat } from '../../output/result-formats.ts'
import { suggestId } from '../../rules/control-id.ts'
import type { Status } from '../../validation/model.ts'
import { withDatabases } from '../shared/databases.ts'
import type { OpenDatabase, WhereOptions } from '../shared/databases.ts'
import { findRun, runChoice } from '../shared/find-run.ts'
import type { FoundRun, RunChoice } from '../shared/find-run.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { formatArgs, readingArgs } from '../shared/options.ts'
import { choice, text } from '../shared/values.ts'

const STATUSES = ['pass', 'fail', 'insufficient_evidence', 'unknown'] as const satisfies Status[]

type ResultsOptions = WhereOptions & {
  readonly run: RunChoice | undefined
  readonly system: string | undefined
  readonly control: string | undefined
  readonly status: Status | undefined
  readonly limit: number | undefined
  readonly json: boolean
  readonly csv: boolean
  readonly wide: boolean
}

/** `rapidrmf results` */
export const resultsCommand = command({
  name: 'results',
  description: 'Show the latest result of each system and control, or those of one run',
  args: {
    ...readingArgs,
    run: option({
      long: 'run',
      type: optional(runChoice),
      description:
        'The results of this run; latest is the newest one of --env. Default: the latest of each system and control',
    }),
    system: option({
      long: 'system',
      type: optional(text('NAME')),
      description: 'Only this system; * and ? match any characters and any one',
    }),
    control: option({
      long: 'control',
      type: optional(text('ID')),
      description: 'Only this control, in any spelling; * and ? as above, as in AC-*',
    }),
    status: option({
      long: 'status',
      type: optional(choice(STATUSES)),
      description: `Only results with this status: ${STATUSES.join(', ')}`,
    }),
    limit: option({
      long: 'limit',
      type: optional(positiveInteger('COUNT')),
      description: 'How many results at most',
    }),
    ...formatArgs,
    csv: flag({ long: 'csv', description: 'Print CSV, safe to open in a spreadsheet' }),
  },
  examples: [
    {
      description: 'What lacks evidence now',
      command: 'rapidrmf results --env production --status insufficient_evidence',
    },
    {
      description: 'Full texts, independent of the width of the terminal',
      command: 'rapidrmf results --run latest --env production -o wide',
    },
    { description: 'One family of one run', command: 'rapidrmf results --run 12 --control "AC-*" --csv' },
  ],
  handler:
    (options: ResultsOptions): Action =>
    (io) =>
      results(options, io),
})

async function results(options: ResultsOptions, io: Io): Promise<number> {
  if (options.json && options.csv) throw new InputError('--json and --csv exclude each other: choose one')
  const { resultWriter } = await import('../../output/result-formats.ts')
  const { wide } = options
  return withDatabases(options, io, async (databases) => {
    const sources = await sourcesOf(databases, options, io)
    const writer = await resultWriter(formatOf(options), io.stdout, {
      catalogs: manyCatalogs(sources),
      wide,
    })
    let written = 0
    for (const source of sources) {
      for await (const page of pages(source, options.limit, written)) {
        if (io.signal.aborted) throw new InterruptedError('stopped before all results were written')
        // The rest would be dropped as well.
        if (io.stdout.loss !== undefined) break
        written += page.length
        await writer.rows(page)
      }
    }
    await writer.end()
    if (written === 0) await write(io.stderr, 'no results\n')
    return 0
  })
}

function formatOf({ json, csv }: ResultsOptions): ResultFormat {
  if (json) return 'json'
  return csv ? 'csv' : 'table'
}

/** One database with what to read in it. */
type Source = {
  readonly database: OpenDatabase
  readonly filter: ResultFilter
  readonly names: ReadonlyMap<number, ControlName>
}

/** AC-2 may be a control of several catalogs; only of those that are asked for. */
function manyCatalogs(sources: readonly Source[]): boolean {
  const catalogs = sources.flatMap(({ filter: { controlIds }, names }) =>
    controlIds === undefined
      ? [...names.values()].map(({ catalog }) => catalog)
      : controlIds.map((id) => names.get(id)?.catalog),
  )
  return new Set(catalogs).size > 1
}

async function* pages({ database, filter, names }: Source, limit: number | undefined, written: number) {
  const { readResults } = await import('../../db/record/result-reads.ts')
  const left = limit === undefined ? undefined : limit - written
  if (left !== 0) yield* database.pages((client) => readResults(client, { ...filter, limit: left }, names))
}

/** A name that no database knows is a typing error, and is said before anything is written. */
async function sourcesOf(
  databases: readonly OpenDatabase[],
  options: ResultsOptions,
  io: Io,
): Promise<Source[]> {
  const { env, run, status } = options
  const chosen = run === undefined ? undefined : await runOf(databases, run, env, io)
  const found = chosen === undefined ? databases : [chosen.database]
  // A run is of one environment: there `--env` only says which database.
  const environment = run === undefined ? env : undefined
  const where = found.map(({ name }) => name).join(' or ')
  await refuseUnknownSystem(found, { environment, system: options.system }, where)
  const controls = await Promise.all(found.map((database) => wantedControls(database, options.control)))
  if (controls.every(({ ids }) => ids?.length === 0)) {
    throw unknownControl(options.control ?? '', controls, where)
  }
  return controls.map(({ database, ids: controlIds, names }) => {
    const filter = { environment, system: options.system, runId: chosen?.run.id, controlIds, status }
    return { database, filter, names }
  })
}

/** Warns if results of a run are missing, so that the output is not mistaken for all of them. */
async function runOf(
  databases: readonly OpenDatabase[],
  choice: RunChoice,
  env: string | undefined,
  io: Io,
): Promise<FoundRun> {
  const found = await findRun(databases, choice, env)
  const { run } = found
  const pruned = run.attributes?.['pruned_at']
  if (typeof pruned === 'string') {
    await say(io.stderr, `run ${run.id} was pruned at ${pruned}: only what is still referred to is left`)
  }
  const { runPlanDigest } = await import('../../db/record/plans.ts')
  const isOurs = run.run_key !== null && run.planned_at !== null
  if (isOurs && (await found.database.read((client) => runPlanDigest(client, run.id))) === null) {
    await say(
      io.stderr,
      `run ${run.id} was made before runs had records: its results are only in validation_results`,
    )
  }
  if (run.status === 'running') await write(io.stderr, `run ${run.id} is still in progress\n`)
  return found
}

async function wantedControls(database: OpenDatabase, control: string | undefined) {
  const { listControlNames, matchControls } = await import('../../db/inputs/control-names.ts')
  const names = await database.read(listControlNames)
  return { database, names, ids: control === undefined ? undefined : matchControls(names, control) }
}

/** ISM-445 is not the id that its publisher gave ISM-0445: it is suggested and not taken for it. */
function unknownControl(
  wanted: string,
  sources: readonly { readonly names: ReadonlyMap<number, ControlName> }[],
  where: string,
): InputError {
  const known = sources.flatMap(({ names }) => [...names.values()].map(({ control }) => control))
  const meant = suggestId(known)(wanted)
  const remedy =
    meant === undefined
      ? 'write it like AC-2, AC-2(1) or "AC-*", or load its catalog with "rapidrmf catalog import"'
      : `did you mean "${meant}"?`
  return new InputError(`no control in ${where} is called ${JSON.stringify(wanted)}; ${remedy}`)
}

async function refuseUnknownSystem(
  databases: readonly OpenDatabase[],
  filter: { readonly environment: string | undefined; readonly system: string | undefined },
  where: string,
): Promise<void> {
  const { hasSystem } = await import('../../db/inputs/system-filter.ts')
  const { system, environment } = filter
  if (system === undefined) return
  const known = async (of: typeof filter): Promise<boolean> =>
    (await Promise.all(databases.map(({ read }) => read((client) => hasSystem(client, of))))).includes(true)
  if (await known(filter)) return
  const elsewhere = environment !== undefined && (await known({ system, environment: undefined }))
  throw new InputError(
    `no system ${environment === undefined ? '' : `of environment "${environment}" `}in ${where} is called ${JSON.stringify(system)}; ` +
      (elsewhere
        ? 'another environment has it: change --env or leave it out'
        : 'check the spelling, or search with * and ? as in --system "web-*"'),
  )
}
