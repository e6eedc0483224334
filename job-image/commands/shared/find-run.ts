import type { Type } from 'cmd-ts'
import type { JobRun } from '../../db/runs/job-runs.ts'
import { InputError } from '../../errors.ts'
import type { OpenDatabase } from './databases.ts'
import { positiveInteger } from './numbers.ts'

/** A run as a command line names it: by its id, or the newest one. */
export type RunChoice = number | 'latest'

const id = positiveInteger('ID')

export const runChoice: Type<string, RunChoice> = {
  displayName: 'ID|latest',
  description: 'Id of the run, or latest: the newest one of --env',
  async from(text) {
    if (text === 'latest') return text
    return id.from(text).catch(({ message }: Error) => Promise.reject(new Error(`${message}; or latest`)))
  },
}

/** A run and the database it is in. */
export type FoundRun = { readonly run: JobRun; readonly database: OpenDatabase }

export type RunFilter = {
  /** Undefined: of every environment. */
  readonly env: string | undefined
  readonly status?: string | undefined
  readonly jobType?: string | undefined
  readonly limit: number
}

/** The newest runs of all the databases. Each gives as many as are wanted, so that these are among them. */
export async function newestRuns(
  databases: readonly OpenDatabase[],
  { env, status, jobType, limit }: RunFilter,
): Promise<FoundRun[]> {
  const { getRecentJobRuns } = await import('../../db/runs/job-runs.ts')
  const { parseTimestamp } = await import('../../time.ts')
  const filter = {
    limit,
    environment: env,
    status,
    jobType,
  }
  const perDatabase = await Promise.all(
    databases.map(async (database) => {
      const runs = await database.read((client) => getRecentJobRuns(client, filter))
      return runs.map((run) => ({ run, database }))
    }),
  )
  if (perDatabase.length === 1) return perDatabase.flat()
  // Not a difference: of two infinite times it would not be a number. The sort is stable, so ids stay in order.
  const newestFirst = (a: { at: number }, b: { at: number }): number =>
    a.at === b.at ? 0 : b.at > a.at ? 1 : -1
  return perDatabase
    .flat()
    .map((found) => ({ found, at: parseTimestamp(found.run.started_at) }))
    .sort(newestFirst)
    .slice(0, limit)
    .map(({ found }) => found)
}

/** The run that a command line means. */
export async function findRun(
  databases: readonly OpenDatabase[],
  choice: RunChoice,
  env: string | undefined,
): Promise<FoundRun> {
  return choice === 'latest' ? latestRun(databases, env) : runById(databases, choice)
}

/** The newest validation; runs of other types, which other programs store, have no results. */
async function latestRun(databases: readonly OpenDatabase[], env: string | undefined): Promise<FoundRun> {
  const { JOB_TYPE } = await import('../../db/runs/job-runs.ts')
  const [newest] = await newestRuns(databases, { env, jobType: JOB_TYPE, limit: 1 })
  if (newest !== undefined) return newest
  const where = databases.map(({ name }) => name).join(' or ')
  const of = env === undefined ? '' : ` of environment "${env}"`
  throw new InputError(`there is no run${of} in ${where} yet; "rapidrmf scheduler once" starts one`)
}

/** Every database counts its runs from 1, so an id that two of them have needs `--env`. */
async function runById(databases: readonly OpenDatabase[], runId: number): Promise<FoundRun> {
  const { getJobRun } = await import('../../db/runs/job-runs.ts')
  const found: FoundRun[] = []
  for (const database of databases) {
    const run = await database.read((client) => getJobRun(client, runId))
    if (run !== undefined) found.push({ run, database })
  }
  const [first, second] = found
  if (first === undefined) {
    const where = databases.map(({ name }) => name).join(' or ')
    throw new InputError(`there is no run ${runId} in ${where}; "rapidrmf runs list" lists the runs`)
  }
  if (second === undefined) return first
  const names = found.map(({ run, database }) => `"${run.environment}" (${database.name})`)
  throw new InputError(
    `more than one database has a run ${runId}: of environments ${names.join(' and ')}; say which with --env`,
  )
}
