import { SLOTS_SINCE_ANNOTATION, SPEC_HASH_ANNOTATION } from '../../crds/names.ts'
import type { KubeObject } from '../kube/object.ts'
import type { CachedCronJob, CachedSchedule } from '../model.ts'
import type { CronJobState } from './conditions.ts'
import { cronJob as desiredCronJob } from './cron-job.ts'
import { firstDifference } from './drift.ts'
import type { JobDefaults } from './job-defaults.ts'
import { notAllowed } from './limits.ts'
import type { Learned, LiveRead } from './live-reads.ts'
import { childName } from './names.ts'
import { ownershipOf } from './ownership.ts'
import { isoTime } from './time.ts'

/** Nobody tells when a CronJob goes away that is foreign, or has lost its label: the watch shows ours only. */
const UNWATCHED_RECHECK_MS = 60_000
/** Deletions do not take longer, and their events come; this is for the case that one is missed. */
const LEAVING_RECHECK_MS = 5_000

/** What to do about the CronJob: ask, write, or go on with its state. */
export type CronJobStep =
  | { readonly kind: 'read'; readonly read: LiveRead }
  | { readonly kind: 'create'; readonly body: KubeObject; readonly was: 'absent' | 'deleted' }
  /** `difference`: what was not as it should be. */
  | {
      readonly kind: 'replace'
      readonly body: KubeObject
      readonly why: 'updated' | 'repaired' | 'adopted'
      readonly difference: string
    }
  | { readonly kind: 'settled'; readonly state: CronJobState; readonly requeueAt?: number }

export type CronJobInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CachedCronJob | undefined
  readonly learned: Learned
  readonly defaults: JobDefaults
  readonly now: number
}

type Check = (input: CronJobInput) => CronJobStep | undefined

/** A write of this reconcile has the last word. */
const written: Check = (input) => {
  const { write } = input.learned
  switch (write?.kind) {
    case undefined:
      return undefined
    case 'done':
      return settled({ kind: 'ready' })
    case 'refused':
      return unusable('invalid', write.message, input)
    case 'forbidden':
      return settled({ kind: 'forbidden', message: write.message }, Math.max(write.recheckAt, input.now))
    case 'failing':
      return settled({ kind: 'failing', message: write.message })
    case 'namespaceTerminating':
      return settled({ kind: 'terminating' })
  }
}

const limited: Check = (input) => {
  const message = notAllowed(input.schedule, input.defaults)
  return message === undefined ? undefined : unusable('notAllowed', message, input)
}

/** What the API server refused, it will refuse again. */
const refusedBefore: Check = (input) => {
  const { status, generation } = input.schedule
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted')
  if (accepted?.status !== 'False' || accepted.reason !== 'InvalidSpec') return undefined
  if (accepted.observedGeneration !== generation) return undefined
  return unusable('invalid', accepted.message, input)
}

const absent: Check = ({ schedule, cronJob, learned, defaults }) => {
  if (cronJob !== undefined) return undefined
  const desired = desiredCronJob(schedule, defaults)
  const { name } = desired.metadata
  if (learned.cronJob === undefined && conflictBefore(schedule)) {
    return { kind: 'read', read: { kind: 'cronJob', name } }
  }
  return { kind: 'create', body: desired, was: schedule.status.cronJobName === name ? 'deleted' : 'absent' }
}

const foreign: Check = ({ schedule, cronJob, now }) => {
  if (cronJob === undefined) return undefined
  const ownership = ownershipOf(cronJob, schedule)
  const { name } = cronJob
  if (ownership.kind === 'leaving') return settled({ kind: 'leaving', name }, now + LEAVING_RECHECK_MS)
  if (ownership.kind !== 'foreign') return undefined
  return settled({ kind: 'conflict', name, owner: ownership.owner }, now + UNWATCHED_RECHECK_MS)
}

const different: Check = ({ schedule, cronJob, defaults, now }) => {
  if (cronJob === undefined) return undefined
  const desired = desiredCronJob(schedule, defaults)
  const difference = firstDifference(desired, cronJob)
  if (difference === undefined) return undefined
  const why = whyDifferent(schedule, cronJob, desired)
  return {
    kind: 'replace',
    body: replacement(desired, cronJob, firesSince(schedule, cronJob, now)),
    why,
    difference,
  }
}

const CHECKS: readonly Check[] = [written, limited, refusedBefore, absent, foreign, different]

export function cronJobStep(input: CronJobInput): CronJobStep {
  // A live answer is newer than the cache, which does not show what has lost its label.
  const known = { ...input, cronJob: input.learned.cronJob ?? input.cronJob }
  for (const check of CHECKS) {
    const step = check(known)
    if (step !== undefined) return step
  }
  return settled({ kind: 'ready' })
}

function settled(state: CronJobState, requeueAt?: number): CronJobStep {
  return { kind: 'settled', state, ...(requeueAt === undefined ? {} : { requeueAt }) }
}

/** The last good CronJob is left alone. It may be there although the cache does not show it: without its label. */
function unusable(
  kind: 'invalid' | 'notAllowed',
  message: string,
  { schedule, cronJob, learned, now }: CronJobInput,
): CronJobStep {
  const name = childName(schedule.name)
  const missing = cronJob === undefined && schedule.status.cronJobName === name
  if (missing && learned.cronJob === undefined) return { kind: 'read', read: { kind: 'cronJob', name } }
  const isSeenLiveOnly = cronJob !== undefined && cronJob === learned.cronJob
  return settled(
    { kind, message, hasOld: isOurs(schedule, cronJob) },
    isSeenLiveOnly ? now + UNWATCHED_RECHECK_MS : undefined,
  )
}

function isOurs({ uid }: CachedSchedule, cronJob: CachedCronJob | undefined): boolean {
  return cronJob?.controller?.uid === uid
}

function conflictBefore({ status }: CachedSchedule): boolean {
  const stalled = status.conditions?.find(({ type }) => type === 'Stalled')
  return stalled?.status === 'True' && stalled.reason === 'Conflict'
}

/** Either something else is asked for than was sent last, by the schedule or by the operator; or others have changed it. */
function whyDifferent(
  { uid }: CachedSchedule,
  { controller, annotations }: CachedCronJob,
  desired: KubeObject,
): 'updated' | 'repaired' | 'adopted' {
  if (controller?.uid !== uid) return 'adopted'
  const asked = desired.metadata.annotations?.[SPEC_HASH_ANNOTATION]
  return annotations[SPEC_HASH_ANNOTATION] === asked ? 'repaired' : 'updated'
}

/** A slot that was missed stays missed when only the image changes; one of an earlier schedule was not this one's. */
function firesSince({ spec }: CachedSchedule, { slots }: CachedCronJob, now: number): string {
  const same =
    spec.schedule === slots.schedule && spec.timeZone === slots.timeZone && spec.suspend === slots.suspend
  return same ? slots.since : isoTime(now)
}

/** A full update: the spec as it should be, our metadata, and what others keep on the object. */
function replacement(desired: KubeObject, live: CachedCronJob, firesSince: string): KubeObject {
  const { metadata } = desired
  const others = live.ownerReferences.filter(
    ({ uid, controller }) =>
      controller !== true && !metadata.ownerReferences?.some((owner) => owner.uid === uid),
  )
  return {
    ...desired,
    metadata: {
      ...metadata,
      uid: live.uid,
      resourceVersion: live.resourceVersion,
      labels: { ...live.labels, ...metadata.labels },
      annotations: {
        ...live.annotations,
        ...metadata.annotations,
        [SLOTS_SINCE_ANNOTATION]: firesSince,
      },
      ownerReferences: [...(metadata.ownerReferences ?? []), ...others],
      ...(live.finalizers.length === 0 ? {} : { finalizers: live.finalizers }),
    },
  }
}
