import type { ConflictingWriter } from '../../../crds/validation-schedule.ts'
import type { RepeatedWrite } from '../inputs/live-reads.ts'
import { FIELD_MANAGER } from '../../cache/projections.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import { plainText } from '../../values/plain-text.ts'
import { isoTime } from '../../../common/iso-time.ts'
import { CLOCK_SKEW_MS, instant } from '../../values/time.ts'

/*
 * Two writers that disagree about a CronJob would overwrite each other as fast as the API server lets them. Such a
 * conflict is recorded in the schedule's status: so it survives the process, and a second operator for the same
 * schedule uses the same pauses.
 */

/** Number of repairs within a minute that count as a conflict and not as a mistake. */
const CONFLICT_AFTER = 5
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 300_000
/** A conflict is over after this many pauses without a repair. */
const QUIET_PAUSES = 3

/** Returns the conflict in the status if it is not over. */
export function currentConflict(
  { conflictingWriter: writer }: CachedSchedule['status'],
  now: number,
): ConflictingWriter | undefined {
  return writer !== undefined && isPast(writer, now) && now < endOf(writer) ? writer : undefined
}

/** When the conflict is over if no further repair is needed. */
export function endOf(writer: ConflictingWriter): number {
  return instant(writer.lastRepairTime) + pauseAfter(writer) * QUIET_PAUSES
}

/** When the next repair is allowed; undefined if it is allowed now. A changed spec does not wait. */
export function pausedUntil({ status, generation }: CachedSchedule, now: number): number | undefined {
  const writer = currentConflict(status, now)
  if (writer === undefined || status.observedGeneration !== generation) return undefined
  const until = instant(writer.lastRepairTime) + pauseAfter(writer)
  return until > now ? until : undefined
}

/** The conflict after this reconcile, which may have repeated a write. */
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

/** Describes the conflicting writer for a message. */
export function describeWriter({ fieldManager }: ConflictingWriter): string {
  if (fieldManager === '') return 'is deleted repeatedly'
  if (fieldManager === FIELD_MANAGER) {
    return `is changed repeatedly by another operator (field manager ${FIELD_MANAGER}) with another Lease`
  }
  return `is changed repeatedly by the field manager "${fieldManager}"`
}

function pauseAfter({ repairs }: ConflictingWriter): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, repairs - CONFLICT_AFTER))
}

function isPast({ lastRepairTime }: ConflictingWriter, now: number): boolean {
  return instant(lastRepairTime) <= now + CLOCK_SKEW_MS
}
