import { clockChanges, describeClockChange } from '../../common/cron/clock-changes.ts'
import { CronError, TimeZoneError, nextRuns, parseCron } from '../../common/cron/cron.ts'
import type { CronSchedule } from '../../common/cron/cron.ts'
import { zoneClock } from '../../common/cron/time-zone.ts'
import { InputError } from '../errors.ts'

export type PreviewedRun = {
  /** ISO-8601 with Z. */
  readonly utc: string
  /** The same instant in the schedule's zone, with its offset. */
  readonly local: string
}

export type Preview = {
  /** Oldest first. */
  readonly runs: readonly PreviewedRun[]
  /** Notes about what the list does not show, each a sentence. */
  readonly notes: readonly string[]
}

export type PreviewRequest = {
  readonly cron: string
  readonly timeZone: string
  /** Runs after this instant. */
  readonly from: Date
  readonly count: number
}

/** How far to search for the next clock change, which is reported even if the list ends before it. */
const LOOK_AHEAD = 365 * 86_400_000

/** The slots of a schedule as a CronJob, and the effects of clock changes on them. Throws an InputError for bad input. */
export function previewSchedule({ cron, timeZone, from, count }: PreviewRequest): Preview {
  const schedule = asInput('CRON', () => parseCron(cron, { sundaySeven: true }))
  const clock = asInput('--timezone', () => zoneClock(timeZone))
  const runs = nextRuns(schedule, timeZone, from, count)
  const last = runs.at(-1) ?? from
  const until = new Date(Math.max(last.getTime(), from.getTime() + LOOK_AHEAD))
  return {
    runs: runs.map((run) => {
      const seconds = run.getTime() / 1000
      return { utc: isoSeconds(seconds, 'Z'), local: localTime(seconds, clock.offsetAt(seconds)) }
    }),
    notes: [
      ...kubernetesNotes(schedule),
      ...endNotes(schedule, runs.length, count),
      ...clockChanges(schedule, timeZone, from, until).map(describeClockChange),
    ],
  }
}

/** Expressions that this command accepts and a ValidationSchedule refuses. */
function kubernetesNotes({ kind, expression }: CronSchedule): string[] {
  if (kind === 'interval' || expression.startsWith('@')) {
    return [`a ValidationSchedule refuses "${expression}"; it takes five fields`]
  }
  try {
    parseCron(expression)
    return []
  } catch {
    return ['a ValidationSchedule refuses 7 as a day of the week; write 0 for Sunday']
  }
}

function endNotes({ expression }: CronSchedule, found: number, wanted: number): string[] {
  if (found === wanted) return []
  if (found > 0) return ['the runs end here: no other comes within five years']
  return [`"${expression}" never fires: no date of the next five years fits its day and month`]
}

function asInput<T>(argument: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CronError || error instanceof TimeZoneError)) throw error
    throw new InputError(`${argument}: ${error.message}`, { cause: error })
  }
}

function isoSeconds(seconds: number, suffix: string): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, suffix)
}

function localTime(instant: number, offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60)
  // Liberia's offset had seconds until 1972.
  const parts = [
    Math.floor(minutes / 60),
    minutes % 60,
    ...(offset % 60 === 0 ? [] : [Math.abs(offset) % 60]),
  ]
  const text = parts.map((part) => String(part).padStart(2, '0')).join(':')
  return isoSeconds(instant + offset, `${offset < 0 ? '-' : '+'}${text}`)
}
