import { sleep, systemClock } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'
import { CronError, TimeZoneError, isTimeZone, nextRun, parseCron } from '../../common/cron/cron.ts'
import type { CronSchedule } from '../../common/cron/cron.ts'
import { isoTime } from '../../common/iso-time.ts'
import type { RunSummary } from '../../crds/run-summary.ts'
import { incrementalFor } from '../config/incremental.ts'
import type { IncrementalOptions } from '../config/incremental.ts'
import { publishFor } from '../config/publish.ts'
import type { Publish } from '../config/publish.ts'
import { pauseAfter } from '../config/scheduler-settings.ts'
import { resolveTarget } from '../config/target.ts'
import { InputError, InterruptedError, RunError, asError } from '../errors.ts'
import type { Io } from '../io.ts'
import { selectionFor } from '../run/selection-sources.ts'
import { sendBetweenRuns } from './between-runs.ts'
import { cliSchedule } from './cli-schedule.ts'
import type { CliScheduleOptions } from './cli-schedule.ts'
import { runOptionsFromTarget } from '../run/from-config.ts'
import { executeRun } from '../run/job.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { RunObserver } from '../run/options.ts'

/** `cron` has five fields as in the CronJob controller, and 7 is also Sunday. `selection` overrides other sources. */
export type SchedulerOptions = CliScheduleOptions & {
  /** How late a slot may start, in seconds; the newest such slot runs, older ones are skipped. */
  readonly startingDeadline: number
  readonly incremental?: IncrementalOptions | undefined
  readonly publish?: Publish | undefined
  readonly concurrency?: number | undefined
  readonly signal: AbortSignal
  readonly observer: SchedulerObserver
  /** Replaced in tests. */
  readonly clock?: Clock | undefined
  readonly tracing?: Tracing | undefined
}

/** What happens while a schedule is watched. Slots are ISO-8601 UTC. */
export type SchedulerObserver = {
  next(slot: string): void
  /** Slots that were due and are not run, with the reason. */
  skipped(slots: readonly string[], reason: string): void
  /** Called at the start of each try, unless the configuration is invalid: then only `failed` is called. */
  started(slot: string, runKey: string): RunObserver
  finished(slot: string, summary: RunSummary): void
  /** The slot is retried in `pause` seconds, for the `retry`-th time. */
  retrying(slot: string, error: Error, next: { readonly retry: number; readonly pause: number }): void
  /** `why`: the reason for not retrying, if a retry was possible. */
  failed(slot: string, error: Error, why?: string): void
  /** A problem that does not stop the scheduler, such as a notice that could not be sent. */
  warned(message: string): void
  stopped(): void
}

/**
 * The longest single sleep: waiting is divided into pieces and the clock read again, so that a suspended machine or a
 * changed clock is detected.
 */
const LONGEST_SLEEP_MS = 15_000

/** Number of missed slots that are reported: `* * * * *` has 43,200 slots in a month. */
const MOST_NAMED_SLOTS = 5

/**
 * Starts the runs of one schedule until `signal` is aborted. Runs never overlap: a slot that becomes due during a run
 * starts after it, unless it is too late by then. Throws an InputError at once for an invalid schedule, time zone or
 * environment.
 */
export async function watchSchedule(options: SchedulerOptions, io: Pick<Io, 'env' | 'cwd'>): Promise<void> {
  const { signal, observer } = options
  const schedule = checkScheduler(options, io)
  const end = new AbortController()
  const either = AbortSignal.any([signal, end.signal])
  const sending = sendBetweenRuns(options, io, either, (message) => observer.warned(message))
  try {
    await watch(schedule, options, io)
  } finally {
    end.abort()
    await sending
  }
  observer.stopped()
}

async function watch(
  schedule: CronSchedule,
  options: SchedulerOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): Promise<void> {
  const { signal, observer, timezone, clock = systemClock } = options
  let after = clock.date()
  while (!signal.aborted) {
    const first = nextSlot(schedule, timezone, after)
    // The schedule was checked: no further slot exists only years from now.
    if (first === undefined) break
    observer.next(isoTime(first))
    const before = await sleepUntil(first, clock, signal, after)
    if (signal.aborted) break
    if (before !== undefined) {
      observer.warned(wentBack(after, before))
      after = before
      continue
    }
    const due = dueSlots(schedule, timezone, first, clock.date())
    after = due.newest
    if (due.superseded.length > 0) observer.skipped(due.superseded, 'a later slot was due as well')
    const lateness = clock.date().getTime() - due.newest.getTime()
    if (lateness <= options.startingDeadline * 1000) {
      await runSlot(options, io, { at: due.newest, next: nextSlot(schedule, timezone, due.newest) })
    } else
      observer.skipped([isoTime(due.newest)], `it was due ${options.startingDeadline} seconds ago or longer`)
  }
}

/** Checks schedule, time zone, environment, configuration and selection; throws an InputError. Needs no database. */
export function checkScheduler(
  options: Omit<SchedulerOptions, 'signal' | 'observer'>,
  io: Pick<Io, 'env' | 'cwd'>,
): CronSchedule {
  const schedule = checkedSchedule(options)
  if (nextSlot(schedule, options.timezone, (options.clock ?? systemClock).date()) === undefined) {
    throw new InputError(`--cron: "${options.cron}" has no slot in the coming years`)
  }
  const target = resolveTarget(options, io)
  selectionFor(target.config, target.environment, options.selection, io)
  incrementalFor(target.config, options.incremental ?? {}, io)
  publishFor(target.config, options.publish, io)
  cliSchedule(options, target, io)
  return schedule
}

/**
 * The first slot after a time. The slots of `@every` are multiples of the interval since 1970: if they were counted from
 * the start of a process, two instances would have different slots.
 */
function nextSlot(schedule: CronSchedule, timezone: string, after: Date): Date | undefined {
  if (schedule.kind !== 'interval') return nextRun(schedule, timezone, after)
  const interval = schedule.seconds * 1000
  return new Date((Math.floor(after.getTime() / interval) + 1) * interval)
}

function checkedSchedule({ cron, timezone }: Pick<SchedulerOptions, 'cron' | 'timezone'>): CronSchedule {
  if (!isTimeZone(timezone)) {
    throw new InputError(`--timezone: unknown time zone "${timezone}"; use a name like Europe/Berlin`)
  }
  try {
    return parseCron(cron, { sundaySeven: true })
  } catch (error) {
    if (error instanceof CronError || error instanceof TimeZoneError) {
      throw new InputError(`--cron: ${error.message}`, { cause: error })
    }
    throw error
  }
}

/** The newest due slot, and the last few of the due slots before it. */
function dueSlots(
  schedule: CronSchedule,
  timezone: string,
  first: Date,
  now: Date,
): { readonly newest: Date; readonly superseded: string[] } {
  const superseded: string[] = []
  let newest = first
  for (;;) {
    const next = nextSlot(schedule, timezone, newest)
    if (next === undefined || next > now) return { newest, superseded: superseded.slice(-MOST_NAMED_SLOTS) }
    superseded.push(isoTime(newest))
    newest = next
  }
}

/**
 * Waits for a moment that was computed from `since`. Resolves early, with the current time, if that is before `since`: the
 * clock was set back, and the moment may be years ahead.
 */
async function sleepUntil(
  moment: Date,
  clock: Clock,
  signal: AbortSignal,
  since: Date,
): Promise<Date | undefined> {
  while (!signal.aborted) {
    const now = clock.date()
    if (now < since) return now
    const left = moment.getTime() - now.getTime()
    if (left <= 0) return undefined
    await sleep(Math.min(left, LONGEST_SLEEP_MS), signal, clock)
  }
  return undefined
}

/** The warning that the clock was set back. Slots that have already run are found by their key and only reported again. */
function wentBack(from: Date, to: Date): string {
  return `the clock went back from ${isoTime(from)} or later to ${isoTime(to)}; the next slot is the one after that`
}

type Slot = { readonly at: Date; readonly next: Date | undefined }

/**
 * Runs one slot, with the retries that `scheduler` of the configuration sets. The run key stays the same, so a retry
 * resumes the run. An InputError is not retried, and nothing is retried once the next slot is due. An error ends this
 * slot, not the scheduler.
 */
async function runSlot(options: SchedulerOptions, io: Pick<Io, 'env' | 'cwd'>, slot: Slot): Promise<void> {
  const { observer, signal, clock = systemClock } = options
  const name = isoTime(slot.at)
  for (let failures = 1; ; failures += 1) {
    const ended = await trySlot(options, io, name, failures === 1)
    if (!(ended instanceof Error)) {
      observer.finished(name, ended)
      return
    }
    const pause = ended instanceof InputError ? undefined : pauseIfAny(options, io, failures)
    const failedAt = clock.date()
    const again = new Date(failedAt.getTime() + (pause ?? 0) * 1000)
    const tooLate = slot.next !== undefined && again >= slot.next
    if (pause === undefined || tooLate) {
      observer.failed(name, ended, pause === undefined ? undefined : NEXT_SLOT)
      return
    }
    observer.retrying(name, ended, { retry: failures, pause })
    // If the clock was set back, the pause ends at once: how much of it has passed is unknown.
    await sleepUntil(again, clock, signal, failedAt)
    if (signal.aborted) throw new InterruptedError(`stopped before slot ${name} was retried`)
  }
}

const NEXT_SLOT = 'not retried: by then the next slot is due'

/** The pause before a retry, from the reloaded configuration; undefined if it is invalid, which the next slot reports. */
function pauseIfAny(
  options: SchedulerOptions,
  io: Pick<Io, 'env' | 'cwd'>,
  failures: number,
): number | undefined {
  try {
    return pauseAfter(resolveTarget(options, io).config.scheduler, failures)
  } catch {
    return undefined
  }
}

/**
 * Tries a slot once. The configuration is reloaded, as in a CronJob's pod. An unreachable database is retried while the
 * slot may still start.
 */
async function trySlot(
  options: SchedulerOptions,
  io: Pick<Io, 'env' | 'cwd'>,
  slot: string,
  first: boolean,
): Promise<RunSummary | Error> {
  try {
    const target = resolveTarget(options, io)
    const identity = cliSchedule(options, target, io)
    const runKey = `${identity.uid}@${slot}`
    const run = options.observer.started(slot, runKey)
    const request = runOptionsFromTarget(
      target,
      {
        runKey,
        triggeredBy: 'scheduler',
        schedule: { ...identity, slotAt: slot },
        selection: options.selection,
        incremental: options.incremental,
        publish: options.publish,
        concurrency: options.concurrency,
        signal: options.signal,
        observer: run,
        tracing: options.tracing,
      },
      io,
    )
    const { timing } = request
    const outage = first ? Math.max(timing.outage, options.startingDeadline * 1000) : timing.outage
    const summary = await executeRun({ ...request, timing: { ...timing, outage } })
    return summary.status === 'failed' ? new RunError(summary.message) : summary
  } catch (thrown) {
    if (thrown instanceof InterruptedError) throw thrown
    return asError(thrown)
  }
}
