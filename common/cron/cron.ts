import type { CalendarSchedule, CronSchedule } from './cron-expression.ts'
import { zoneClock } from './time-zone.ts'
import type { WallTime, ZoneClock } from './time-zone.ts'

export { CronError, parseCron } from './cron-expression.ts'
export type * from './cron-expression.ts'
export { TimeZoneError, isTimeZone } from './time-zone.ts'

/*
 * Computes when a schedule runs: robfig/cron v3.0.1's `Next` including its bugs, because the CronJob controller
 * uses it and a preview must match (docs/adr/0001-cron-port.md; test/oracle/cron compares both).
 */

/**
 * Returns the first slot after `after`; undefined if there is none until the end of the fifth year (`0 0 30 2 *`).
 * Throws TimeZoneError for an unknown zone.
 */
export function nextRun(schedule: CronSchedule, timeZone: string, after: Date): Date | undefined {
  const clock = zoneClock(timeZone)
  const now = Math.floor(after.getTime() / 1000)
  const next = schedule.kind === 'interval' ? now + schedule.seconds : nextSlot(schedule, clock, now + 1)
  return next === undefined ? undefined : new Date(next * 1000)
}

/** The first `count` slots after `after`, oldest first; fewer when the schedule ends. */
export function nextRuns(schedule: CronSchedule, timeZone: string, after: Date, count: number): Date[] {
  const runs: Date[] = []
  for (let at = after; runs.length < count;) {
    const next = nextRun(schedule, timeZone, at)
    if (next === undefined) break
    runs.push(next)
    at = next
  }
  return runs
}

/** Whether the month and the two day fields admit a date: both days when either is "any", else one of them. */
export function matchesDate(
  schedule: CalendarSchedule,
  date: Pick<WallTime, 'month' | 'day' | 'weekday'>,
): boolean {
  return schedule.month.values.has(date.month) && matchesDay(schedule, date)
}

function matchesDay(
  { dayOfMonth, dayOfWeek }: CalendarSchedule,
  { day, weekday }: Pick<WallTime, 'day' | 'weekday'>,
): boolean {
  const dayFits = dayOfMonth.values.has(day)
  const weekdayFits = dayOfWeek.values.has(weekday)
  return dayOfMonth.star || dayOfWeek.star ? dayFits && weekdayFits : dayFits || weekdayFits
}

// ── The search ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Slots are searched in the year of the start and the five years after it. */
const HORIZON_YEARS = 5

/** A walk through time. `reset` is set by the first step taken, which also clears the smaller units. */
type Search = { readonly schedule: CalendarSchedule; readonly clock: ZoneClock; at: number; reset: boolean }

/**
 * Each unit steps `at` forward until its field matches (true), or until it overflows into the next larger unit
 * (false), which has to be looked at again. The order of steps, the single reset and the steps by elapsed rather than
 * wall time all show in the results around a change of the clocks, so they are kept as the original has them.
 */
const UNITS: readonly ((search: Search) => boolean)[] = [seekMonth, seekDay, seekHour, seekMinute, seekSecond]

function nextSlot(schedule: CalendarSchedule, clock: ZoneClock, start: number): number | undefined {
  // `,` is a field without values; searching five years of minutes would give the same result, slower.
  if ([schedule.minute, schedule.hour, schedule.month].some(({ values }) => values.size === 0))
    return undefined
  const search: Search = { schedule, clock, at: start, reset: false }
  const lastYear = clock.wallAt(start).year + HORIZON_YEARS
  while (clock.wallAt(search.at).year <= lastYear) {
    if (UNITS.every((seek) => seek(search))) return search.at
  }
  return undefined
}

function seekMonth(search: Search): boolean {
  const { schedule, clock } = search
  for (;;) {
    const wall = clock.wallAt(search.at)
    if (schedule.month.values.has(wall.month)) return true
    if (!search.reset) search.at = clock.instantOf({ year: wall.year, month: wall.month, day: 1 })
    search.reset = true
    search.at = addToDate(clock, search.at, 1, 0)
    if (clock.wallAt(search.at).month === 1) return false
  }
}

function seekDay(search: Search): boolean {
  const { schedule, clock } = search
  for (;;) {
    const wall = clock.wallAt(search.at)
    if (matchesDay(schedule, wall)) return true
    if (!search.reset) search.at = clock.instantOf({ year: wall.year, month: wall.month, day: wall.day })
    search.reset = true
    search.at = nextMidnight(clock, search.at)
    if (clock.wallAt(search.at).day === 1) return false
  }
}

/** A day on; where midnight falls into a gap, whole hours forth or back to the nearer of two midnights. */
function nextMidnight(clock: ZoneClock, at: number): number {
  let next = addToDate(clock, at, 0, 1)
  // Apia had no 2011-12-30, so a day after the 29th is the 29th again. There the original never returns.
  if (next <= at) next = addToDate(clock, at, 0, 2)
  const { hour } = clock.wallAt(next)
  if (hour === 0) return next
  return next + (hour > 12 ? 24 - hour : -hour) * 3600
}

function seekHour(search: Search): boolean {
  const { schedule, clock } = search
  for (;;) {
    const { year, month, day, hour } = clock.wallAt(search.at)
    if (schedule.hour.values.has(hour)) return true
    if (!search.reset) search.at = clock.instantOf({ year, month, day, hour })
    search.reset = true
    search.at += 3600
    // A day that starts at 01:00 slips through here, and with it a run on a day that the fields exclude.
    if (clock.wallAt(search.at).hour === 0) return false
  }
}

function seekMinute(search: Search): boolean {
  const { schedule, clock } = search
  for (;;) {
    if (schedule.minute.values.has(clock.wallAt(search.at).minute)) return true
    if (!search.reset) search.at = Math.floor(search.at / 60) * 60
    search.reset = true
    search.at += 60
    if (clock.wallAt(search.at).minute === 0) return false
  }
}

function seekSecond(search: Search): boolean {
  const { second } = search.clock.wallAt(search.at)
  if (second === 0) return true
  search.reset = true
  search.at += 60 - second
  return false
}

function addToDate(clock: ZoneClock, at: number, months: number, days: number): number {
  const wall = clock.wallAt(at)
  return clock.instantOf({ ...wall, month: wall.month + months, day: wall.day + days })
}
