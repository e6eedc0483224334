import { command, option, optional, positional } from 'cmd-ts'
import { VERSION } from '../../../common/version.ts'
import type { AnswerDifference, SystemReplay } from '../../db/record/replay-run.ts'
import type { JobRun } from '../../db/runs/job-runs.ts'
import { EXIT, InputError, InterruptedError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { plural } from '../../plural.ts'
import { withDatabases } from '../shared/databases.ts'
import type { OpenDatabase, WhereOptions } from '../shared/databases.ts'
import { findRun, runChoice } from '../shared/find-run.ts'
import type { RunChoice } from '../shared/find-run.ts'
import { jsonFlag, readingArgs } from '../shared/options.ts'
import { text } from '../shared/values.ts'

/** Differences that are shown; the JSON has them all. */
const MAX_SHOWN = 20

/** `rapidrmf runs replay` */
export const replayCommand = command({
  name: 'replay',
  description:
    'Evaluate a run again from its record, with this program and the rules and evidence of then, and compare the answers. ' +
    'Exit codes: 0 equal; 1 an answer differs; 2 it cannot be replayed',
  args: {
    id: positional({ type: runChoice }),
    ...readingArgs,
    system: option({ long: 'system', type: optional(text('NAME')), description: 'Only this system' }),
    json: jsonFlag,
  },
  examples: [
    { description: 'Does last night still hold?', command: 'rapidrmf runs replay latest --env production' },
    { description: 'One system of an old run', command: 'rapidrmf runs replay 12 --system web-1 --json' },
  ],
  handler:
    ({ id, system, json, ...where }): Action =>
    (io) =>
      replayCommandLine({ ...where, id, system, json }, io),
})

type ReplayOptions = WhereOptions & {
  readonly id: RunChoice
  readonly system: string | undefined
  readonly json: boolean
}

/** What the systems of a run came to. */
type Replay = {
  readonly run: JobRun
  readonly equal: number
  readonly different: readonly SystemReplay[]
  readonly failed: readonly SystemReplay[]
}

async function replayCommandLine({ id, system, json, ...where }: ReplayOptions, io: Io): Promise<number> {
  const found = await withDatabases(where, io, async (databases) => {
    const { run, database } = await findRun(databases, id, where.env)
    return { run, ...(await replayed(run, database, system, io)) }
  })
  if (found.equal + found.different.length + found.failed.length === 0) {
    const what =
      system === undefined
        ? 'has evaluated no system'
        : `has not evaluated a system called ${JSON.stringify(system)}`
    throw new InputError(`run ${found.run.id} ${what}: there is nothing to replay`)
  }
  if (json) await writeJson(io.stdout, replayJson(found))
  else await write(io.stdout, replayText(found))
  if (found.different.length > 0) return EXIT.failed
  return found.failed.length > 0 ? EXIT.usage : EXIT.ok
}

async function replayed(
  run: JobRun,
  database: OpenDatabase,
  system: string | undefined,
  io: Io,
): Promise<Omit<Replay, 'run'>> {
  const { replayRun, NotReplayable } = await import('../../db/record/replay-run.ts')
  const different: SystemReplay[] = []
  const failed: SystemReplay[] = []
  let equal = 0
  const add = (each: SystemReplay): void => {
    if (each.problem !== undefined) failed.push(each)
    else if (each.differences.length > 0) different.push(each)
    else equal += 1
  }
  try {
    for await (const page of database.pages((client) => replayRun(client, run.id, system))) {
      if (io.signal.aborted) throw new InterruptedError('stopped before all systems were evaluated again')
      page.forEach(add)
    }
  } catch (thrown) {
    if (!(thrown instanceof NotReplayable)) throw thrown
    throw new InputError(`run ${run.id} cannot be replayed: ${thrown.message}`)
  }
  return { equal, different, failed }
}

function outcomeOf({ different, failed }: Replay): 'equal' | 'different' | 'not_replayable' {
  if (different.length > 0) return 'different'
  return failed.length > 0 ? 'not_replayable' : 'equal'
}

function replayJson(found: Replay): object {
  const { run, equal, different, failed } = found
  return {
    run_id: run.id,
    outcome: outcomeOf(found),
    tool_version: { run: run.attributes?.['tool_version'] ?? null, replay: VERSION },
    systems: { equal, different: different.length, not_replayable: failed.length },
    differences: different.flatMap(({ system, differences }) =>
      differences.map(({ control, catalog, stored, now }) => ({
        system,
        control,
        catalog,
        stored: answerJson(stored),
        replayed: answerJson(now),
      })),
    ),
    not_replayable: failed.map(({ system, problem }) => ({ system, problem })),
  }
}

function answerJson({
  status,
  message,
  evidenceKeys,
  remediation,
  attributes,
}: AnswerDifference['now']): object {
  return { status, message, evidence_keys: evidenceKeys, remediation, attributes }
}

function replayText(found: Replay): string {
  const { run, equal, different, failed } = found
  const lines = [`Run ${run.id}: ${headline(found)}`]
  if (different.length > 0) lines.push(...whyDifferent(run))
  const differences = different.flatMap(({ system, differences: all }) =>
    all.map((each) => ({ system, ...each })),
  )
  for (const { system, control, stored, now } of differences.slice(0, MAX_SHOWN)) {
    lines.push(
      `  ${system} ${control}`,
      `    stored:   ${stored.status}: ${stored.message}`,
      `    replayed: ${now.status}: ${now.message}`,
    )
  }
  if (differences.length > MAX_SHOWN)
    lines.push(`  … and ${differences.length - MAX_SHOWN} more; --json has all`)
  for (const { system, problem } of failed.slice(0, MAX_SHOWN)) lines.push(`  ${system}: ${problem}`)
  if (failed.length > MAX_SHOWN) lines.push(`  … and ${failed.length - MAX_SHOWN} more; --json has all`)
  if (equal > 0 && different.length + failed.length > 0) lines.push(`${plural(equal, 'system')} equal`)
  return `${lines.join('\n')}\n`
}

function headline({ equal, different, failed }: Replay): string {
  if (different.length > 0)
    return `different: ${plural(different.length, 'system')} would be answered otherwise`
  if (failed.length > 0) return `${plural(failed.length, 'system')} cannot be replayed`
  return `equal: ${plural(equal, 'system')} evaluated again, with the same answers`
}

/** Rules and evidence are the record's, so that only the program can make a difference. */
function whyDifferent(run: JobRun): string[] {
  const before = run.attributes?.['tool_version']
  return [
    before === VERSION
      ? `both with version ${VERSION} and the same rules and evidence: the record or the program was changed`
      : `the run was made by version ${JSON.stringify(before)}, this is ${VERSION}: with the same rules and evidence it answers otherwise`,
  ]
}
