import { command, flag, optional, positional } from 'cmd-ts'
import type { VerifiedRun } from '../../db/record/verify-run.ts'
import { EXIT, InputError, InterruptedError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { plural } from '../../plural.ts'
import { withDatabases } from '../shared/databases.ts'
import type { OpenDatabase, WhereOptions } from '../shared/databases.ts'
import { findRun, newestRuns, runChoice } from '../shared/find-run.ts'
import type { FoundRun, RunChoice } from '../shared/find-run.ts'
import { group } from '../shared/group.ts'
import { jsonFlag, readingArgs } from '../shared/options.ts'

const verifyCommand = command({
  name: 'verify',
  description:
    'Check that the records of runs are whole: statuses, counts, decisions and digests fit each other. ' +
    'Exit codes: 0 they are; 1 they are not',
  args: {
    id: positional({ type: optional(runChoice) }),
    all: flag({ long: 'all', description: 'Every run, instead of one' }),
    ...readingArgs,
    json: jsonFlag,
  },
  examples: [
    {
      description: 'The newest run of production',
      command: 'rapidrmf record verify latest --env production',
    },
    { description: 'Every run of every database', command: 'rapidrmf record verify --all' },
  ],
  handler:
    (options): Action =>
    (io) =>
      verify(options, io),
})

/** `rapidrmf record` */
export const recordGroup = group({
  name: 'record',
  description: 'Check what runs have recorded',
  cmds: { verify: verifyCommand },
})

type VerifyOptions = WhereOptions & {
  readonly id: RunChoice | undefined
  readonly all: boolean
  readonly json: boolean
}

async function verify({ id, all, json, ...where }: VerifyOptions, io: Io): Promise<number> {
  if (all === (id !== undefined)) throw new InputError('name one run (its id, or latest), or give --all')
  const verified = await withDatabases(where, io, async (databases) => {
    const found = await runsOf(databases, id, where.env)
    const checked: VerifiedRun[] = []
    for (const { run, database } of found) {
      if (io.signal.aborted) throw new InterruptedError('stopped before all runs were checked')
      const { verifyRun } = await import('../../db/record/verify-run.ts')
      checked.push(await database.read((client) => verifyRun(client, run)))
    }
    return checked
  })
  if (json) await writeJson(io.stdout, verified.map(verifiedJson))
  else await write(io.stdout, verified.map(verifiedText).join(''))
  return verified.some(({ problems }) => problems.length > 0) ? EXIT.failed : EXIT.ok
}

/** The validations that are meant, oldest first; runs of other programs have no record. */
async function runsOf(
  databases: readonly OpenDatabase[],
  id: RunChoice | undefined,
  env: string | undefined,
): Promise<FoundRun[]> {
  if (id !== undefined) return [await findRun(databases, id, env)]
  const { JOB_TYPE } = await import('../../db/runs/job-runs.ts')
  const found = await newestRuns(databases, { env, jobType: JOB_TYPE, limit: MAX_RUNS })
  return found.filter(({ run }) => run.run_key !== null).toReversed()
}

/** An integer of PostgreSQL: every run there can be. */
const MAX_RUNS = 2_147_483_647

function verifiedJson({ runId, systems, withoutDetails, problems }: VerifiedRun): object {
  return { run_id: runId, systems, without_details: withoutDetails, problems }
}

function verifiedText({ runId, hasRecord, systems, withoutDetails, problems }: VerifiedRun): string {
  if (!hasRecord && problems.length === 0) return `run ${runId}: without a record, nothing to check\n`
  const missing = withoutDetails === 0 ? '' : `, ${withoutDetails} of them without details`
  const found = problems.length === 0 ? 'whole' : plural(problems.length, 'problem')
  const head = `run ${runId}: ${plural(systems, 'system')} checked${missing}: ${found}\n`
  return head + problems.map((problem) => `  ${problem}\n`).join('')
}
