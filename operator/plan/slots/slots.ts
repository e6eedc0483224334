import { CronError, TimeZoneError, nextRun, parseCron } from '../../../common/cron/cron.ts'
import { zoneClock } from '../../../common/cron/time-zone.ts'

/*
 * Slots of a schedule within a span of time. The span comes from fields that users write and may be decades of minutes,
 * and the operator has one event loop for all schedules: every function here takes a bounded number of steps, where a
 * step is one search for the slot after a given time.
 */

/** When a CronJob fires: five cron fields and a zone of the IANA database. */
export type SlotRule = { readonly schedule: string; readonly timeZone: string }

/** One step: the first slot after the given time, both in milliseconds since the epoch; undefined when there is none. */
export type SlotSearch = (after: number) => number | undefined

/** A search for the slots of a rule; or why they cannot be known here: the API server may know more time zones. */
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

/** No two slots of five cron fields are closer. */
const MINUTE_MS = 60_000

/** The newest slot after `from`, up to `until`. Exact, in some fifty steps for a span of sixty years. */
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

/** `first` is a slot, and there is none after `end` up to `until`: halves the span between until no slot fits into it. */
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

/** The first window looked at: a quarter of an hour of a schedule that fires every minute. */
const FIRST_WINDOW_MS = 16 * MINUTE_MS

/**
 * The newest slots after `from`, up to `until`, oldest first, as far as so many steps go. The windows are looked at from
 * the newest to the oldest, each twice as long as the one before; one that takes more steps than are left is left out.
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
