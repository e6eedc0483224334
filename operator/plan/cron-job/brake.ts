import type { CachedCronJob, CachedSchedule } from '../../cache/projections.ts'
import type { LastGood } from './cron-job-state.ts'
import type { Learned } from '../inputs/live-reads.ts'
import { cleanedUpAt, ownershipOf } from './ownership.ts'
import { pausedUntil } from './repairs.ts'

export type BrakeInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CachedCronJob | undefined
  readonly learned: Learned
  readonly now: number
}

export type Brake = {
  /** The CronJob that is to be suspended, or resumed. */
  readonly mustSwitch: { readonly cronJob: CachedCronJob; readonly suspend: boolean } | undefined
  /** Undefined where there is no CronJob of the schedule. */
  readonly lastGood: LastGood | undefined
  /** When to try again what could not be done, or may not be done yet. */
  readonly retryAt: number | undefined
}

/**
 * A spec that cannot be used leaves the last good CronJob as it is, but for the brake: `suspend` holds in any case, and a
 * person or a limit that says "no runs" must not depend on whether the rest of the spec is valid.
 */
export function brakeOf(input: BrakeInput, suspend: boolean): Brake {
  const { schedule, cronJob, learned, now } = input
  if (cronJob === undefined) return NOTHING
  const { kind } = ownershipOf(cronJob, schedule)
  if (kind === 'ours') {
    const { suspend: suspended } = cronJob.slots
    const failure = suspended === suspend ? undefined : learned.suspension?.message
    return { ...switching(input, suspend), lastGood: { suspended, failure } }
  }
  if (kind !== 'predecessors') return NOTHING
  // Its schedule does not exist, and it cannot be taken over without a spec: it must not run on.
  const until = cleanedUpAt(schedule)
  return now < until ? { ...NOTHING, retryAt: until } : { ...switching(input, true), lastGood: undefined }
}

const NOTHING: Brake = { mustSwitch: undefined, lastGood: undefined, retryAt: undefined }

function switching(
  { schedule, cronJob, learned: { suspension }, now }: BrakeInput,
  suspend: boolean,
): Pick<Brake, 'mustSwitch' | 'retryAt'> {
  if (cronJob === undefined || cronJob.slots.suspend === suspend) return NOTHING
  if (suspension !== undefined) return { mustSwitch: undefined, retryAt: suspension.recheckAt }
  const retryAt = pausedUntil(schedule, now)
  return { mustSwitch: retryAt === undefined ? { cronJob, suspend } : undefined, retryAt }
}
