import type { KubeObject } from '../../kube/object.ts'
import type { CachedJob, CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import type { Refusal } from '../inputs/live-reads.ts'
import { runNowJob } from '../cron-job/requested-job.ts'
import { runNowName } from '../../values/names.ts'

export type RunRequestInput = {
  readonly schedule: CachedSchedule
  /** Runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly accepted: boolean
  readonly busy: boolean
  /** Why its Job could not be created. */
  readonly refusal: Refusal | undefined
  readonly defaults: JobDefaults
}

/** What to do about a run request. Suspending a schedule does not stop run requests. */
export type RunRequest =
  | { readonly kind: 'none' }
  /** Stays open: no Job is created from a spec that cannot be used. */
  | { readonly kind: 'refused' }
  /** Stays open and is retried. */
  | { readonly kind: 'failed'; readonly token: string; readonly message: string }
  /** Waits for other runs: Forbid ignores manual Jobs, so that runs would overlap. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'create'; readonly job: KubeObject }
  | { readonly kind: 'handled'; readonly token: string }

type Check = (input: RunRequestInput) => RunRequest | undefined

const nothingRequested: Check = ({ schedule: { runRequest, status } }) =>
  runRequest === '' || runRequest === status.lastHandledRunRequest ? { kind: 'none' } : undefined

/** The Job exists; only its acknowledgement in the status was lost. */
const jobExists: Check = ({ schedule, jobs }) => {
  const name = runNowName(schedule, schedule.runRequest)
  const made = jobs.some((job) => job.name === name && job.controller?.uid === schedule.uid)
  return made ? { kind: 'handled', token: schedule.runRequest } : undefined
}

const specNotAccepted: Check = ({ accepted }) => (accepted ? undefined : { kind: 'refused' })

const anotherRunActive: Check = ({ busy }) => (busy ? { kind: 'waiting' } : undefined)

const jobRefused: Check = ({ schedule, refusal }) =>
  refusal && { kind: 'failed', token: schedule.runRequest, message: refusal.message }

const CHECKS: readonly Check[] = [nothingRequested, jobExists, specNotAccepted, anotherRunActive, jobRefused]

export function runRequest(input: RunRequestInput): RunRequest {
  for (const check of CHECKS) {
    const decision = check(input)
    if (decision !== undefined) return decision
  }
  return { kind: 'create', job: runNowJob(input.schedule, input.defaults) }
}
