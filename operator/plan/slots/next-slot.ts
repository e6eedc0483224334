import type { CachedSchedule } from '../../cache/projections.ts'
import { slotSearch } from './slots.ts'
import { instant } from '../../values/time.ts'

export type NextSlot =
  | { readonly kind: 'at'; readonly time: number }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'never' }
  /** The API server may know more time zones than the JavaScript runtime: the runs start, but it is not known here when. */
  | { readonly kind: 'unknown'; readonly why: string }

/**
 * How long a slot stays the next one after it has come: the CronJob controller needs a moment to make its Job, and the
 * new slot is written into the status together with that run.
 */
export const SLOT_GRACE_MS = 10_000

export type NextSlotInput = {
  readonly spec: Pick<CachedSchedule['spec'], 'schedule' | 'timeZone' | 'suspend'>
  /** Since when the spec is in force. */
  readonly since: string
  /** The newest slot that has a Job. */
  readonly last: string | undefined
  readonly now: number
}

/** The next slot, or the one of just now whose Job is still to come. */
export function nextSlot({ spec, since, last, now }: NextSlotInput): NextSlot {
  if (spec.suspend) return { kind: 'suspended' }
  const search = slotSearch(spec)
  if ('unknown' in search) return { kind: 'unknown', why: search.unknown }
  const next = search(Math.max(now - SLOT_GRACE_MS, timeOr(since, 0), timeOr(last, 0)))
  return next === undefined ? { kind: 'never' } : { kind: 'at', time: next }
}

function timeOr(text: string | undefined, otherwise: number): number {
  const time = instant(text ?? '')
  return Number.isNaN(time) ? otherwise : time
}
