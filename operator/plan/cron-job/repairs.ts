import type { ConflictingWriter } from '../../../crds/validation-schedule.ts'
import type { RepeatedWrite } from '../inputs/live-reads.ts'
import { FIELD_MANAGER } from '../../cache/projections.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import { plainText } from '../../values/plain-text.ts'
import { CLOCK_SKEW_MS, instant, isoTime } from '../../values/time.ts'

/*
 * Two writers of one CronJob that want different things would write it as fast as the API server lets them. What is
 * known of such a conflict is in the schedule's status: so it outlives the process, and a second operator that looks
 * after the same schedule keeps to the same pauses.
 */

/** So many repairs within a minute are a conflict, and not somebody's mistake. */
const CONFLICT_AFTER = 5
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 300_000
/** A conflict is over when it has been quiet for so many pauses. */
const QUIET_PAUSES = 3

/** The conflict that still goes on, as far as the status knows. */
export function currentConflict(
  { conflictingWriter: writer }: CachedSchedule['status'],
  now: number,
): ConflictingWriter | undefined {
  return writer !== undefined && isPast(writer, now) && now < endOf(writer) ? writer : undefined
}

/** When the conflict is over, if nothing more happens. */
export function endOf(writer: ConflictingWriter): number {
  return instant(writer.lastRepairTime) + pauseAfter(writer) * QUIET_PAUSES
}

/** Until when the CronJob is left as it is; undefined: it may be repaired. A changed spec does not wait. */
export function pausedUntil({ status, generation }: CachedSchedule, now: number): number | undefined {
  const writer = currentConflict(status, now)
  if (writer === undefined || status.observedGeneration !== generation) return undefined
  const until = instant(writer.lastRepairTime) + pauseAfter(writer)
  return until > now ? until : undefined
}

/** The conflict after this reconcile, which has written again what is there, or has written nothing. */
export function conflictAfter(
  before: ConflictingWriter | undefined,
  repeated: RepeatedWrite | undefined,
  now: number,
): ConflictingWriter | undefined {
  if (repeated === undefined) return before
  const repairs = Math.max(repeated.times, (before?.repairs ?? 0) + 1)
  if (before === undefined && repairs < CONFLICT_AFTER) return undefined
  const fieldManager = plainText(repeated.fieldManager, 128)
  return { fieldManager, repairs, lastRepairTime: isoTime(now) }
}

/** Names the writer that the operator is in conflict with, for people. */
export function describeWriter({ fieldManager }: ConflictingWriter): string {
  if (fieldManager === '') return 'is deleted again and again'
  if (fieldManager === FIELD_MANAGER) {
    return `is changed again and again by another operator (field manager ${FIELD_MANAGER}) that has another Lease`
  }
  return `is changed again and again by the field manager "${fieldManager}"`
}

function pauseAfter({ repairs }: ConflictingWriter): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, repairs - CONFLICT_AFTER))
}

function isPast({ lastRepairTime }: ConflictingWriter, now: number): boolean {
  return instant(lastRepairTime) <= now + CLOCK_SKEW_MS
}
