import { CronError, TimeZoneError, nextRun, parseCron } from '../../../common/cron/cron.ts'
import { zoneClock } from '../../../common/cron/time-zone.ts'

/*
 * Slots of a schedule within a span of time. Users control the span, which may be decades of minutes, and all
 * schedules share one event loop. So every function here takes a bounded number of steps; a step is one search for
 * the next slot after a time.
 */

/** A cron expression of five fields and a zone of the IANA database. */
export type SlotRule = { readonly schedule: string; readonly timeZone: string }

/**
 * Returns the first slot after the given time, both in milliseconds since the epoch; undefined if there is none. One
 * call is one step.
 */
export type SlotSearch = (after: number) => number | undefined

/** Returns a search for the slots of a rule, or why they are unknown: the API server may know more time zones. */
export function slotSearch({ schedule, timeZone }: SlotRule): SlotSearch | { readonly unknown: string } {
  try {
    const parsed = parseCron(schedule)
    zoneClock(timeZone)
    return (after) => nextRun(parsed, timeZone, new Date(after))?.getTime()
  } catch (error) {
    if (error instanceof TimeZoneError) {
      return { unknown: `this operator does not know the time zone "${timeZone}"` }
    }
    if (error instanceof CronError) return { unknown: error.message }
    throw error
  }
}

/** The shortest distance between two slots. */
const MINUTE_MS = 60_000

/** Returns the newest slot after `from`, up to `until`; exact, in about fifty steps for sixty years. */
export function latestSlot(search: SlotSearch, from: number, until: number): number | undefined {
  let end = until
  for (let width = MINUTE_MS; end > from; width *= 2) {
    const begin = Math.max(from, end - width)
    const found = search(begin)
    if (found !== undefined && found <= until) return latestWithin(search, found, end, until)
    end = begin
  }
  return undefined
}

/** Halves the span after the slot `first` until no other slot fits. There is no slot after `end` up to `until`. */
function latestWithin(search: SlotSearch, first: number, end: number, until: number): number {
  let [latest, high] = [first, end]
  while (high - latest > MINUTE_MS) {
    const middle = Math.floor((latest + high) / 2)
    const found = search(middle)
    if (found !== undefined && found <= until) latest = found
    else high = middle
  }
  return latest
}

/** The first search window: a quarter of an hour of a schedule that fires every minute. */
const FIRST_WINDOW_MS = 16 * MINUTE_MS

/**
 * Returns the newest slots after `from`, up to `until`, oldest first, within the given steps. Windows are searched
 * from the newest to the oldest, each twice as long as the one before; a window that needs more steps than are left
 * is omitted.
 */
export function latestSlots(search: SlotSearch, from: number, until: number, steps: number): number[] {
  let found: number[] = []
  let left = steps
  let end = until
  for (let width = FIRST_WINDOW_MS; end > from; width *= 2) {
    const begin = Math.max(from, end - width)
    const inside: number[] = []
    for (let at = begin; ;) {
      if (left === 0) return found
      left -= 1
      const next = search(at)
      if (next === undefined || next > end) break
      inside.push(next)
      at = next
    }
    found = [...inside, ...found]
    end = begin
  }
  return found
}
