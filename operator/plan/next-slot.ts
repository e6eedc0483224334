import { CronError, TimeZoneError, nextRun, parseCron } from '../../crds/cron.ts'
import type { CronSchedule } from '../../crds/cron.ts'
import type { CachedSchedule } from '../model.ts'
import { instant } from './time.ts'

export type NextSlot =
  | { readonly kind: 'at'; readonly time: number }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'never' }
  /** The API server may know more time zones than the JavaScript runtime: the runs start, but nobody here knows when. */
  | { readonly kind: 'unknown'; readonly why: string }

/**
 * How long a slot stays the next one after it has come: the CronJob controller needs a moment to make its Job, and the
 * new slot is written into the status together with that run.
 */
export const SLOT_GRACE_MS = 10_000

export type NextSlotInput = {
  readonly spec: CachedSchedule['spec']
  /** Since when the spec is in force. */
  readonly since: string
  /** The newest slot that has a Job. */
  readonly last: string | undefined
  readonly now: number
}

/** The next slot, or the one of just now whose Job is still to come. */
export function nextSlot({ spec, since, last, now }: NextSlotInput): NextSlot {
  if (spec.suspend) return { kind: 'suspended' }
  const after = Math.max(now - SLOT_GRACE_MS, timeOr(since, 0), timeOr(last, 0))
  return readSchedule(spec, ({ schedule, timeZone }) => {
    const next = nextRun(schedule, timeZone, new Date(after))
    return next === undefined ? { kind: 'never' } : { kind: 'at', time: next.getTime() }
  })
}

/** The slots after `from`, up to `until`, oldest first; none where they cannot be known. At most `most`, the newest. */
export function slotsBetween(spec: Readable, from: number, until: number, most: number): readonly number[] {
  const found: number[] = []
  readSchedule(spec, ({ schedule, timeZone }) => {
    let at = nextRun(schedule, timeZone, new Date(from))
    while (at !== undefined && at.getTime() <= until) {
      found.push(at.getTime())
      if (found.length > most) found.shift()
      at = nextRun(schedule, timeZone, at)
    }
    return { kind: 'never' }
  })
  return found
}

type Readable = Pick<CachedSchedule['spec'], 'schedule' | 'timeZone'>

function readSchedule(
  { schedule, timeZone }: Readable,
  use: (read: { readonly schedule: CronSchedule; readonly timeZone: string }) => NextSlot,
): NextSlot {
  try {
    return use({ schedule: parseCron(schedule), timeZone })
  } catch (error) {
    if (error instanceof TimeZoneError) {
      return { kind: 'unknown', why: `this operator does not know the time zone "${timeZone}"` }
    }
    if (error instanceof CronError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

function timeOr(text: string | undefined, otherwise: number): number {
  const time = instant(text ?? '')
  return Number.isNaN(time) ? otherwise : time
}
