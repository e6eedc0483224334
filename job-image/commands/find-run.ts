import type { JobRun } from '../db/job-runs.ts'
import { InputError } from '../errors.ts'
import type { OpenDatabase } from './databases.ts'

/** A run and the database it is in. */
export type FoundRun = { readonly run: JobRun; readonly database: OpenDatabase }

/** The run with this id; every database counts its runs from 1, so an id that two of them have needs `--env`. */
export async function findRun(databases: readonly OpenDatabase[], id: number): Promise<FoundRun> {
  const { getJobRun } = await import('../db/job-runs.ts')
  const found: FoundRun[] = []
  for (const database of databases) {
    const run = await database.read((client) => getJobRun(client, id))
    if (run !== undefined) found.push({ run, database })
  }
  const [first, second] = found
  if (first === undefined) {
    const where = databases.map(({ name }) => name).join(' or ')
    throw new InputError(`there is no run ${id} in ${where}; "rapidrmf scheduler runs" lists the runs`)
  }
  if (second === undefined) return first
  const names = found.map(({ run, database }) => `"${run.environment}" (${database.name})`)
  throw new InputError(
    `more than one database has a run ${id}: of environments ${names.join(' and ')}; say which with --env`,
  )
}
