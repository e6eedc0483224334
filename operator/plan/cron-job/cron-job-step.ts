import { defined } from '../../../common/defined.ts'
import { RETIRED_ANNOTATIONS } from '../../../crds/names.ts'
import type { KubeObject } from '../../kube/object.ts'
import type { CachedCronJob, CachedSchedule } from '../../cache/projections.ts'
import { suspensionOf } from './suspension.ts'
import type { CronJobState } from './cron-job-state.ts'
import { cronJob as desiredCronJob } from './cron-job.ts'
import { driftOf } from './drift.ts'
import type { Drift, LastWrite } from './drift.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import { notAllowed } from './allow-list.ts'
import type { Observed, LiveRead } from '../inputs/live-reads.ts'
import { childName } from '../../values/names.ts'
import { cleanedUpAt, ownershipOf } from './ownership.ts'
import { pausedUntil } from './repairs.ts'
import { earliest } from '../../values/time.ts'

/** No watch event reports a foreign CronJob or one without its label: only labelled ones are watched. */
const UNWATCHED_RECHECK_MS = 60_000
/** Deletions are shorter and have watch events; this covers a missed event. */
const LEAVING_RECHECK_MS = 5_000

/** The next step for the CronJob: read, write, or settle on its state. */
export type CronJobStep =
  | { readonly kind: 'read'; readonly read: LiveRead }
  | { readonly kind: 'create'; readonly body: KubeObject; readonly was: 'absent' | 'deleted' }
  | ({ readonly kind: 'replace'; readonly body: KubeObject } & Drift)
  /** Changes only `suspend`: the rest of the spec cannot be used, or not yet. */
  | { readonly kind: 'suspend'; readonly cronJob: CachedCronJob; readonly suspend: boolean }
  | { readonly kind: 'settled'; readonly state: CronJobState; readonly requeueAt?: number | undefined }

export type CronJobInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CachedCronJob | undefined
  /** The last write of the CronJob, as far as known. */
  readonly written: LastWrite | undefined
  readonly observed: Observed
  readonly defaults: JobDefaults
  readonly now: number
}

type Check = (input: CronJobInput) => CronJobStep | undefined

/** The outcome of a write in this reconcile decides. */
const writtenInThisReconcile: Check = (input) => {
  const { write } = input.observed
  switch (write?.kind) {
    case undefined:
      return undefined
    case 'done':
      return settled({ kind: 'ready' })
    case 'refused':
      return specUnusable('invalid', write.message, input)
    case 'forbidden':
      return settled({ kind: 'forbidden', message: write.message }, Math.max(write.recheckAt, input.now))
    case 'failing':
      return settled({ kind: 'failing', message: write.message })
    case 'namespaceTerminating':
      return settled({ kind: 'terminating' })
  }
}

const specNotAllowed: Check = (input) => {
  const message = notAllowed(input.schedule, input.defaults)
  return message === undefined ? undefined : specUnusable('notAllowed', message, input)
}

/** The API server refuses an unchanged spec again. */
const specRefusedBefore: Check = (input) => {
  const { status, generation } = input.schedule
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted')
  if (accepted?.status !== 'False' || accepted.reason !== 'InvalidSpec') return undefined
  if (accepted.observedGeneration !== generation) return undefined
  return specUnusable('invalid', accepted.message, input)
}

const cronJobMissing: Check = (input) => {
  const { schedule, cronJob, observed, defaults } = input
  if (cronJob !== undefined) return undefined
  const desired = desiredCronJob(schedule, defaults)
  const { name } = desired.metadata
  if (observed.cronJob === undefined && hadConflict(schedule)) {
    return { kind: 'read', read: { kind: 'cronJob', name } }
  }
  const was = schedule.status.cronJobName === name ? 'deleted' : 'absent'
  return unlessPaused(input, { kind: 'create', body: desired, was })
}

const cronJobNotOurs: Check = ({ schedule, cronJob, now }) => {
  if (cronJob === undefined) return undefined
  const ownership = ownershipOf(cronJob, schedule)
  const { name, finalizers } = cronJob
  switch (ownership.kind) {
    case 'ours':
    case 'orphaned':
      return undefined
    case 'leaving':
      return settled({ kind: 'leaving', name, finalizers }, now + LEAVING_RECHECK_MS)
    case 'predecessors': {
      const until = cleanedUpAt(schedule)
      return now < until ? settled({ kind: 'inherited', name }, until) : undefined
    }
    case 'foreign':
      return settled({ kind: 'conflict', name, owner: ownership.owner }, now + UNWATCHED_RECHECK_MS)
  }
}

const cronJobDiffers: Check = (input) => {
  const { schedule, cronJob, defaults } = input
  if (cronJob === undefined) return undefined
  const desired = desiredCronJob(schedule, defaults)
  const drift = driftOf(desired, cronJob, schedule, input.written)
  if (drift === undefined) return undefined
  return unlessPaused(input, { kind: 'replace', body: replacement(desired, cronJob), ...drift })
}

const CHECKS: readonly Check[] = [
  writtenInThisReconcile,
  specNotAllowed,
  specRefusedBefore,
  cronJobMissing,
  cronJobNotOurs,
  cronJobDiffers,
]

export function cronJobStep(input: CronJobInput): CronJobStep {
  // A live read is newer than the cache, which lacks CronJobs without their label.
  const known = { ...input, cronJob: input.observed.cronJob ?? input.cronJob }
  for (const check of CHECKS) {
    const step = check(known)
    if (step !== undefined) return step
  }
  return settled({ kind: 'ready' })
}

function settled(state: CronJobState, requeueAt?: number): CronJobStep {
  return defined({ kind: 'settled', state, requeueAt })
}

function unlessPaused({ schedule, now }: CronJobInput, step: CronJobStep): CronJobStep {
  const until = pausedUntil(schedule, now)
  return until === undefined ? step : settled({ kind: 'ready' }, until)
}

/** Settles on an unusable spec. The cache may lack the last good CronJob if it has lost its label. */
function specUnusable(kind: 'invalid' | 'notAllowed', message: string, input: CronJobInput): CronJobStep {
  const { schedule, cronJob, observed, now } = input
  const name = childName(schedule.name)
  const missing = cronJob === undefined && schedule.status.cronJobName === name
  if (missing && observed.cronJob === undefined) return { kind: 'read', read: { kind: 'cronJob', name } }
  const suspend = kind === 'notAllowed' || schedule.spec.suspend
  const { patch, lastGood, retryAt } = suspensionOf(input, suspend)
  if (patch !== undefined) return { kind: 'suspend', ...patch }
  const isSeenLiveOnly = cronJob !== undefined && cronJob === observed.cronJob
  const lookAgainAt = isSeenLiveOnly ? now + UNWATCHED_RECHECK_MS : undefined
  return settled({ kind, message, lastGood }, earliest(retryAt, lookAgainAt))
}

function hadConflict({ status }: CachedSchedule): boolean {
  const stalled = status.conditions?.find(({ type }) => type === 'Stalled')
  return stalled?.status === 'True' && stalled.reason === 'Conflict'
}

/** Builds a full update: the desired spec, our metadata, and what other writers keep on the object. */
function replacement(desired: KubeObject, live: CachedCronJob): KubeObject {
  const { metadata } = desired
  const others = live.ownerReferences.filter(
    ({ uid, controller }) =>
      controller !== true && !metadata.ownerReferences?.some((owner) => owner.uid === uid),
  )
  return {
    ...desired,
    metadata: defined({
      ...metadata,
      uid: live.uid,
      resourceVersion: live.resourceVersion,
      labels: { ...live.labels, ...metadata.labels },
      annotations: { ...withoutRetired(live.annotations), ...metadata.annotations },
      ownerReferences: [...(metadata.ownerReferences ?? []), ...others],
      finalizers: live.finalizers.length === 0 ? undefined : live.finalizers,
    }),
  }
}

function withoutRetired(annotations: CachedCronJob['annotations']): CachedCronJob['annotations'] {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !RETIRED_ANNOTATIONS.includes(key)))
}
