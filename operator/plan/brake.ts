import type { CachedCronJob, CachedSchedule } from '../model.ts'
import type { LastGood } from './conditions.ts'
import type { Learned } from './live-reads.ts'
import { ownershipOf } from './ownership.ts'
import { pausedUntil } from './repairs.ts'

export type BrakeInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CachedCronJob | undefined
  readonly learned: Learned
  readonly now: number
}

export type Brake = {
  /** The CronJob that is to be suspended, or resumed. */
  readonly mustSwitch: CachedCronJob | undefined
  /** Undefined where there is no CronJob of the schedule. */
  readonly lastGood: LastGood | undefined
  /** When to try again what could not be done, or may not be done yet. */
  readonly retryAt: number | undefined
}

/**
 * A spec that cannot be used leaves the last good CronJob as it is, but for the brake: `suspend` holds in any case, and a
 * person or a limit that says "no runs" must not depend on whether the rest of the spec is valid.
 */
export function brakeOf({ schedule, cronJob, learned, now }: BrakeInput, suspend: boolean): Brake {
  if (cronJob === undefined || ownershipOf(cronJob, schedule).kind !== 'ours') {
    return { mustSwitch: undefined, lastGood: undefined, retryAt: undefined }
  }
  const { suspend: suspended } = cronJob.slots
  if (suspended === suspend) {
    return { mustSwitch: undefined, lastGood: { suspended, failure: undefined }, retryAt: undefined }
  }
  const failure = learned.suspension
  const pause = pausedUntil(schedule, now)
  const canSwitch = failure === undefined && pause === undefined
  return {
    mustSwitch: canSwitch ? cronJob : undefined,
    lastGood: { suspended, failure: failure?.message },
    retryAt: failure === undefined ? pause : failure.recheckAt,
  }
}
