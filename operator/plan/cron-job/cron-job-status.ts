import { defined } from '../../../common/defined.ts'
import type { CronJobStatus, ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { digestOf } from '../../values/digest.ts'
import type { CachedCronJob, Slots } from '../../cache/projections.ts'
import type { LastWrite } from './drift.ts'
import { isoTime } from '../../../common/iso-time.ts'
import { CLOCK_SKEW_MS, instant } from '../../values/time.ts'

/** The status entry of the schedule's own CronJob. */
export function cronJobStatus(
  { uid, slots }: CachedCronJob,
  written: LastWrite | undefined,
  { cronJob: before }: ValidationScheduleStatus,
  now: number,
): CronJobStatus {
  const slotsHash = hashOfSlots(slots)
  return defined({
    uid,
    suspended: slots.suspend,
    sentHash: written?.sentHash,
    storedHash: written?.storedHash,
    slotsHash,
    slotsSince: before?.slotsHash === slotsHash && isPast(before, now) ? before.slotsSince : isoTime(now),
  })
}

/** Digest of the fields that determine slots: a change of the image leaves a missed slot missed. */
function hashOfSlots({ schedule, timeZone, suspend }: Slots): string {
  return digestOf([schedule, timeZone, suspend])
}

function isPast({ slotsSince }: CronJobStatus, now: number): boolean {
  return instant(slotsSince) <= now + CLOCK_SKEW_MS
}
