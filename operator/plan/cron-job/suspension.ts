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
  /** The CronJob to suspend or resume. */
  readonly patch: { readonly cronJob: CachedCronJob; readonly suspend: boolean } | undefined
  /** Undefined if the schedule has no CronJob. */
  readonly lastGood: LastGood | undefined
  /** When to retry a change that failed or has to wait. */
  readonly retryAt: number | undefined
}

/**
 * Decides whether the last good CronJob must be suspended or resumed while the spec cannot be used. Everything else
 * of it stays. `suspend` must take effect even if the rest of the spec is invalid.
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
  // Its schedule does not exist, and without a valid spec it cannot be adopted: it must be suspended.
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
