import type { CachedCronJob, CachedSchedule } from '../../cache/projections.ts'
import type { LastGood } from './cron-job-state.ts'
import type { Observed } from '../inputs/live-reads.ts'
import { cleanedUpAt, ownershipOf } from './ownership.ts'
import { pausedUntil } from './repairs.ts'

export type SuspensionInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CachedCronJob | undefined
  readonly observed: Observed
  readonly now: number
}

export type Suspension = {
  /** The CronJob that is to be suspended, or resumed. */
  readonly patch: { readonly cronJob: CachedCronJob; readonly suspend: boolean } | undefined
  /** Undefined where there is no CronJob of the schedule. */
  readonly lastGood: LastGood | undefined
  /** When to try again what could not be done, or may not be done yet. */
  readonly retryAt: number | undefined
}

/**
 * A spec that cannot be used leaves the last good CronJob as it is, but for the brake: `suspend` holds in any case, and a
 * person or a limit that says "no runs" must not depend on whether the rest of the spec is valid.
 */
export function suspensionOf(input: SuspensionInput, suspend: boolean): Suspension {
  const { schedule, cronJob, observed, now } = input
  if (cronJob === undefined) return NOTHING
  const { kind } = ownershipOf(cronJob, schedule)
  if (kind === 'ours') {
    const { suspend: suspended } = cronJob.slots
    const failure = suspended === suspend ? undefined : observed.suspension?.message
    return { ...suspendPatch(input, suspend), lastGood: { suspended, failure } }
  }
  if (kind !== 'predecessors') return NOTHING
  // Its schedule does not exist, and it cannot be taken over without a spec: it must not run on.
  const until = cleanedUpAt(schedule)
  return now < until ? { ...NOTHING, retryAt: until } : { ...suspendPatch(input, true), lastGood: undefined }
}

const NOTHING: Suspension = { patch: undefined, lastGood: undefined, retryAt: undefined }

function suspendPatch(
  { schedule, cronJob, observed: { suspension }, now }: SuspensionInput,
  suspend: boolean,
): Pick<Suspension, 'patch' | 'retryAt'> {
  if (cronJob === undefined || cronJob.slots.suspend === suspend) return NOTHING
  if (suspension !== undefined) return { patch: undefined, retryAt: suspension.recheckAt }
  const retryAt = pausedUntil(schedule, now)
  return { patch: retryAt === undefined ? { cronJob, suspend } : undefined, retryAt }
}
