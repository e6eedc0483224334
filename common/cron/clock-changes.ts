import { matchesDate, nextRun } from './cron.ts'
import type { CalendarSchedule, CronSchedule } from './cron.ts'
import { zoneClock } from './time-zone.ts'
import type { ZoneClock } from './time-zone.ts'

/** An irregularity of a schedule on a date on which the clocks change. */
export type ClockChange = {
  /**
   * `gap`: no run at these times, mostly because the clock skips them. `overlap`: each of these times comes twice and
   * runs twice. `extra`: a run at a time or on a day that the expression excludes (where a day begins at 01:00).
   */
  readonly kind: 'gap' | 'overlap' | 'extra'
  /** The local date, as 2027-03-14. */
  readonly date: string
  /** Local times as 02:30, ascending. */
  readonly times: readonly string[]
}

/**
 * Returns the dates after `from`, up to `until`, on which a clock change drops, doubles or adds runs, for the
 * warnings of a preview. It compares the times that the fields name with the results of nextRun, so that it covers
 * every irregularity. A schedule that runs in every hour keeps its interval through a gap or an overlap: that is not
 * reported.
 */
export function clockChanges(
  schedule: CronSchedule,
  timeZone: string,
  from: Date,
  until: Date,
): ClockChange[] {
  if (schedule.kind === 'interval') return []
  const clock = zoneClock(timeZone)
  const changes = clock.transitionsBetween(from.getTime() / 1000, until.getTime() / 1000)
  // A change at midnight touches two dates; Apia's in 2011 touched three.
  const dates = new Set(
    changes.flatMap(({ at, before }) => datesAround(at + before, clock.offsetAt(at) - before)),
  )
  return [...dates].sort((a, b) => a - b).flatMap((date) => changesOn(date, schedule, timeZone, clock))
}

/** Describes a change for users: `no run at 02:00 on 2027-03-14, …`. */
export function describeClockChange({ kind, date, times }: ClockChange): string {
  const [first = '', ...others] = times
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const what = { gap: 'no run', overlap: 'two runs', extra: 'an additional run' }[kind]
  return `${what} at ${first}${more} on ${date}, when the clocks change`
}

const DAY = 86_400
/**
 * Each side of noon: the whole day even when the clock changes by hours, and before it the run of the previous day,
 * because where a search starts can matter to what it finds.
 */
const LEAD = 36 * 3600

/** Dates are counted in days since the epoch. `wall` is the last local second before a change by `shift`. */
function datesAround(wall: number, shift: number): number[] {
  const first = Math.floor((wall - 1 + Math.min(shift, 0)) / DAY)
  const last = Math.floor((wall + Math.max(shift, 0)) / DAY)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function changesOn(
  date: number,
  schedule: CalendarSchedule,
  timeZone: string,
  clock: ZoneClock,
): ClockChange[] {
  const asked = minutesAsked(date, schedule)
  const given = minutesGiven(date, schedule, timeZone, clock)
  const everyHour = schedule.hour.values.size === 24
  const found = {
    gap: asked.filter((minute) => !given.has(minute) && !(everyHour && isSkipped(date, minute, clock))),
    overlap: everyHour ? [] : [...given].filter(([, runs]) => runs > 1).map(([minute]) => minute),
    extra: [...given.keys()].filter((minute) => !asked.includes(minute)),
  }
  const day = new Date(date * DAY * 1000).toISOString().slice(0, 10)
  return (['gap', 'overlap', 'extra'] as const)
    .filter((kind) => found[kind].length > 0)
    .map((kind) => ({ kind, date: day, times: found[kind].sort((a, b) => a - b).map(timeOfDay) }))
}

/** The minutes of the day that the fields name. */
function minutesAsked(date: number, schedule: CalendarSchedule): number[] {
  const day = new Date(date * DAY * 1000)
  const fields = { month: day.getUTCMonth() + 1, day: day.getUTCDate(), weekday: day.getUTCDay() }
  if (!matchesDate(schedule, fields)) return []
  return [...schedule.hour.values].flatMap((hour) =>
    [...schedule.minute.values].map((minute) => hour * 60 + minute),
  )
}

/** The minutes of the day at which the schedule runs, and how often. */
function minutesGiven(
  date: number,
  schedule: CalendarSchedule,
  timeZone: string,
  clock: ZoneClock,
): Map<number, number> {
  const given = new Map<number, number>()
  const noon = date * DAY + DAY / 2 - clock.offsetAt(date * DAY)
  const end = noon + LEAD
  let run = nextRun(schedule, timeZone, new Date((noon - LEAD) * 1000))
  while (run !== undefined && run.getTime() / 1000 < end) {
    const wall = run.getTime() / 1000 + clock.offsetAt(run.getTime() / 1000)
    const minute = Math.floor((wall - date * DAY) / 60)
    if (minute >= 0 && minute < DAY / 60) given.set(minute, (given.get(minute) ?? 0) + 1)
    run = nextRun(schedule, timeZone, run)
  }
  return given
}

/** True if the clock never shows this time: the instant found for it shows another. */
function isSkipped(date: number, minute: number, clock: ZoneClock): boolean {
  const instant = clock.instantOf({ year: 1970, month: 1, day: 1 + date, minute })
  return instant + clock.offsetAt(instant) !== date * DAY + minute * 60
}

function timeOfDay(minute: number): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`
}
