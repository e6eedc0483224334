import { defined } from '../../../common/defined.ts'
import { command, option, optional } from 'cmd-ts'
import { constants, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { printable } from '../../../common/printable.ts'
import { snakeKeys } from '../../../common/snake-case.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { Publish } from '../../config/publish.ts'
import { EXIT, InputError, InterruptedError, asError } from '../../errors.ts'
import { runAction, say } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import type { RunObserver, RunOptions, ScheduleIdentity } from '../../run/options.ts'
import { logArgs, logSettings } from '../shared/log-options.ts'
import type { LogArgs } from '../shared/log-options.ts'
import { configOption, databaseUrlOption, envOption, jsonFlag, migrateFlag } from '../shared/options.ts'
import {
  concurrencyOption,
  incrementalArgs,
  incrementalFrom,
  publishOption,
  selectionArgs,
  selectionFrom,
} from './run-options.ts'
import type { SelectionOptions } from './run-options.ts'
import type { RunReport } from './run-report.ts'
import { openTracing } from '../../tracing/open.ts'
import type { Tracing } from '../../tracing/tracing.ts'
import { choice, newName, text } from '../shared/values.ts'

const runKeyOption = option({
  long: 'run-key',
  env: 'RUN_KEY',
  type: optional(text('KEY')),
  description:
    'Identity of the run: the same key again resumes it, or prints its summary when it succeeded. Default: random',
})
const summaryFileOption = option({
  long: 'summary-file',
  type: optional(text('FILE')),
  description: 'Write the summary (JSON of at most 4 KiB) to this file, also after a failure',
})
const failOnOption = option({
  long: 'fail-on',
  type: optional(choice(['findings'])),
  description: 'Exit 3 unless everything passed',
})
const scheduleUidOption = option({
  long: 'schedule-uid',
  env: 'SCHEDULE_UID',
  type: optional(text('UID')),
  description: 'Identity of the schedule that the run belongs to: it has at most one running run',
})
const scheduleOption = option({
  long: 'schedule',
  env: 'SCHEDULE_NAME',
  type: optional(newName),
  description: "The schedule's name, for people",
})
const slotOption = option({
  long: 'slot',
  type: optional(text('TIME')),
  description: 'Nominal time of the run (ISO-8601): a schedule runs each slot once. Needs --schedule-uid',
})

type OnceOptions = SelectionOptions &
  LogArgs & {
    readonly incremental: boolean
    readonly full: boolean
    readonly fullEvery: string | undefined
    readonly publish: Publish | undefined
    readonly config: string
    readonly env: string
    readonly databaseUrl: string | undefined
    readonly runKey: string | undefined
    readonly scheduleUid: string | undefined
    readonly schedule: string | undefined
    readonly slot: string | undefined
    readonly concurrency: number | undefined
    readonly summaryFile: string | undefined
    readonly failOn: string | undefined
    readonly migrate: boolean
    readonly json: boolean
  }

/** `rapidrmf scheduler once` */
export const onceCommand = command({
  name: 'once',
  description:
    'Run one validation now and wait for its end. Exit codes: 0 the run completed, with or without findings; ' +
    '1 it broke, a retry may help; 2 something must be corrected first; 3 with --fail-on, not everything passed; ' +
    '143 stopped, the same --run-key continues it',
  args: {
    config: configOption,
    env: envOption,
    databaseUrl: databaseUrlOption,
    ...selectionArgs,
    ...incrementalArgs,
    publish: publishOption,
    concurrency: concurrencyOption,
    runKey: runKeyOption,
    scheduleUid: scheduleUidOption,
    schedule: scheduleOption,
    slot: slotOption,
    summaryFile: summaryFileOption,
    failOn: failOnOption,
    migrate: migrateFlag,
    json: jsonFlag,
    ...logArgs,
  },
  examples: [
    {
      description: 'Validate production',
      command: 'rapidrmf scheduler once --config config.yaml --env production',
    },
    {
      description: 'One family, and of two systems only',
      command: 'rapidrmf scheduler once --system "payments-*,ledger" --family AC',
    },
    {
      description: 'Resume a run that broke',
      command: 'rapidrmf scheduler once --run-key 2026-11-23-nightly',
    },
    {
      description: 'In a pipeline: fail unless all pass',
      command: 'rapidrmf scheduler once --json --fail-on findings',
    },
  ],
  handler: (options: OnceOptions): Action => runAction((io) => once(options, io)),
})

async function once(options: OnceOptions, io: Io): Promise<number> {
  const { newRunKey, failureSummary } = await import('../../run/summary.ts')
  const runKey = options.runKey ?? newRunKey()
  let left: RunSummary | undefined
  let early: Promise<void> | undefined
  let report: RunReport | undefined
  let tracing: Tracing | undefined
  const overwriteSummary = await summaryWriter(options.summaryFile, io)
  // Like the output, the file is a record of the run: that it cannot be written changes nothing about the outcome.
  const writeSummary = async (summary: RunSummary): Promise<void> => {
    await overwriteSummary(summary).catch((error: Error) => {
      const message = `the summary could not be written: ${error.message}`
      if (report === undefined) void say(io.stderr, `rapidrmf: warning: ${message}`)
      else report.warn(message)
    })
  }
  try {
    report = await openReport(options, runKey, io)
    tracing = await openTracing(io, report.warn)
    const surroundings = { tracing, info: report.info }
    const { observer } = report
    const summary = await validate({ ...options, runKey }, io, surroundings, (event) => {
      observer(event)
      if (event.type === 'left') left = event.summary
      // At once: a pod that is killed while notices are sent has said what its run came to.
      if (event.type === 'closed') early = overwriteSummary(event.summary).catch(() => undefined)
    })
    await early
    await writeSummary(summary)
    const isReported = report.ended(summary)
    if (options.json) io.stdout.write(`${JSON.stringify(snakeKeys(summary), null, 2)}\n`)
    else if (!isReported) io.stdout.write(await summaryLines(summary))
    return exitCodeFor(summary, options.failOn)
  } catch (thrown) {
    const error = asError(thrown)
    await writeSummary(failureSummary(runKey, options.env, error, left))
    if (report === undefined) throw thrown
    return report.failed(resumable(error, runKey, left))
  } finally {
    await tracing?.end()
  }
}

/** The hint to resume a stopped run by its key, which may be a random one. */
function resumable(error: Error, runKey: string, left: RunSummary | undefined): Error {
  if (!(error instanceof InterruptedError)) return error
  const id = left?.runId ?? undefined
  const run = id === undefined ? 'the run' : `run ${id}`
  const key = /^[\w.:@-]+$/.test(runKey) ? runKey : JSON.stringify(runKey)
  return new InterruptedError(`${error.message}; continue ${run} with --run-key ${key}`, { cause: error })
}

/** Logs on stdout in a pod; with --json, stdout has the summary only. */
async function openReport(options: OnceOptions, runKey: string, io: Io): Promise<RunReport> {
  const { isInJob } = await import('../../run/kubernetes-env.ts')
  const { openRunReport } = await import('./run-report.ts')
  const automatic = isInJob(io) ? 'json' : 'text'
  const schedule = options.schedule ?? options.scheduleUid ?? ''
  return openRunReport(
    logSettings(options, io, { automatic, reserved: options.json }),
    defined({ run_key: runKey, schedule: schedule === '' ? undefined : schedule, environment: options.env }),
    io,
  )
}

async function validate(
  options: OnceOptions & { readonly runKey: string },
  io: Io,
  { tracing, info }: { readonly tracing: Tracing | undefined; readonly info: RunReport['info'] },
  observer: RunObserver,
): Promise<RunSummary> {
  const { runOptionsFromConfig } = await import('../../run/from-config.ts')
  const { executeRun } = await import('../../run/job.ts')
  const { isInJob, requireSources } = await import('../../run/kubernetes-env.ts')
  requireSources(options, io)
  const schedule = await scheduleIdentity(options, io)
  const selection = selectionFrom(options)
  const request: RunOptions = runOptionsFromConfig(
    options,
    {
      runKey: options.runKey,
      triggeredBy: isInJob(io) ? 'kubernetes' : 'cli',
      schedule,
      selection,
      incremental: incrementalFrom(options),
      publish: options.publish,
      concurrency: options.concurrency,
      signal: io.signal,
      observer,
      tracing,
    },
    io,
  )
  if (options.migrate) await migrateFirst(request.databaseUrl, io, info)
  return executeRun(request)
}

/** Executes `rapidrmf db migrate` for `--migrate`. */
export async function migrateFirst(url: string, io: Io, info: (message: string) => void): Promise<void> {
  const { migrate } = await import('../../db/schema/schema.ts')
  const { withDatabase } = await import('../shared/connection.ts')
  const applied = await withDatabase({ url }, { name: 'migrate', writes: true }, io, (client) =>
    migrate(client, { onProgress: info }),
  )
  if (applied.length > 0) info(`migrated: ${applied.join(', ')}`)
}

async function scheduleIdentity(options: OnceOptions, io: Io): Promise<ScheduleIdentity | undefined> {
  const { slotOfJob } = await import('../../run/kubernetes-env.ts')
  const { checkedSlot } = await import('../../run/slot.ts')
  const { scheduleUid, schedule, slot = slotOfJob(io, new Date()) } = options
  if (scheduleUid === undefined || scheduleUid === '') {
    if (options.slot !== undefined)
      throw new InputError('--slot needs --schedule-uid: a slot is one of a schedule')
    return undefined
  }
  const identity = { uid: scheduleUid, name: schedule ?? scheduleUid }
  if (slot === undefined) return identity
  return { ...identity, slotAt: checkedSlot('--slot', slot) }
}

/** Checks that the file can be written before the run begins, so that its outcome cannot be lost at the end. */
async function summaryWriter(
  file: string | undefined,
  { cwd }: Io,
): Promise<(summary: RunSummary) => Promise<void>> {
  if (file === undefined) return async () => {}
  const { encodeRunSummary } = await import('../../../crds/run-summary.ts')
  const path = resolve(cwd, file)
  try {
    await overwrite(path, '')
  } catch (error) {
    throw new InputError(
      { file, message: `cannot write the summary: ${asError(error).message}` },
      { cause: error },
    )
  }
  return async (summary) => overwrite(path, encodeRunSummary(summary))
}

/** Opens the file without blocking: a named pipe without a reader fails at once. */
async function overwrite(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants
  const file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

/** Codes of the Job API: 0 the run did its work · 1 it broke · 3 asked for, and not everything passed. */
function exitCodeFor({ status, verdict }: RunSummary, failOn: string | undefined): number {
  if (status !== 'success') return EXIT.failed
  return failOn === 'findings' && verdict !== 'Passed' ? EXIT.findings : EXIT.ok
}

async function summaryLines({
  runId,
  verdict,
  message,
  counts,
  scope,
  carried,
}: RunSummary): Promise<string> {
  const { shortDigest } = await import('../../../crds/run-summary.ts')
  const { pass, fail, insufficientEvidence, unknown, errors } = counts
  return (
    `Run ${runId}: ${verdict} — ${printable(message)}\n` +
    `pass ${pass} · fail ${fail} · insufficient evidence ${insufficientEvidence} · unknown ${unknown} · errors ${errors}\n` +
    (scope === undefined ? '' : `scope ${shortDigest(scope.digest)}: ${printable(scope.text)}\n`) +
    (carried === undefined ? '' : `unchanged since an earlier run: ${carried} of ${counts.systems} systems\n`)
  )
}
