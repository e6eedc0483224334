import type { CachedSchedule } from '../../cache/projections.ts'
import { slotSearch } from './slots.ts'
import { instant } from '../../values/time.ts'

export type NextSlot =
  | { readonly kind: 'at'; readonly time: number }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'never' }
  /** The JavaScript runtime does not know the time zone: runs start, but the next slot is unknown. */
  | { readonly kind: 'unknown'; readonly why: string }

/**
 * How long a slot stays the next one after its time: the CronJob controller needs a moment to create the Job, and the
 * new slot is written to the status together with that run.
 */
export const SLOT_GRACE_MS = 10_000

export type NextSlotInput = {
  readonly spec: Pick<CachedSchedule['spec'], 'schedule' | 'timeZone' | 'suspend'>
  /** Start of the time in which the spec applies. */
  readonly since: string
  /** The newest slot with a Job. */
  readonly last: string | undefined
  readonly now: number
}

/** Returns the next slot, or a slot that has just passed and has no Job yet. */
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
