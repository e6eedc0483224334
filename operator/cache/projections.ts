import {
  JOB_INDEX_ANNOTATION,
  RUN_REQUEST_ANNOTATION,
  SCHEDULE_UID_LABEL,
  SLOT_ANNOTATION,
} from '../../crds/names.ts'
import type { ValidationScheduleSpec, ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import { digestOf } from '../values/digest.ts'
import { controllerOf, uidOf } from '../kube/object.ts'
import type { KubeObject, ManagedFields, ObjectMeta, OwnerReference } from '../kube/object.ts'
import { CLOCK_SKEW_MS } from '../values/time.ts'
import { list, number, record, text } from '../values/untyped-json.ts'
import type { Raw } from '../values/untyped-json.ts'
import { internWithin, intern } from './intern.ts'

/*
 * The cached part of each object: only the fields that a decision needs, because thousands are held at once. Fields
 * that the API server's JSON lacks are undefined.
 */

/** The operator's field manager, which distinguishes its fields in managedFields. */
export const FIELD_MANAGER = 'rapidrmf-operator'

type Identity = {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

export type CachedSchedule = Identity & {
  readonly generation: number
  readonly deleting: boolean
  readonly createdAt: string
  /** The token of the run request; '' for none. */
  readonly runRequest: string
  readonly spec: ValidationScheduleSpec
  readonly status: ValidationScheduleStatus
}

export type CachedCronJob = Identity & {
  readonly controller: OwnerReference | undefined
  readonly deleting: boolean
  /** These are kept by a full update. */
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly ownerReferences: readonly OwnerReference[]
  readonly finalizers: readonly string[]
  /** Digest of `spec` as the API server returns it, with its defaults. */
  readonly specHash: string
  /** The field manager of the last write; '' if none is recorded. */
  readonly lastManager: string
  readonly slots: Slots
}

/** When a CronJob fires. */
export type Slots = {
  readonly schedule: string
  readonly timeZone: string
  readonly suspend: boolean
  readonly startingDeadlineSeconds: number
}

export type JobEnd = {
  readonly type: 'Complete' | 'Failed'
  readonly reason: string
  readonly message: string
  readonly at: string
}

export type CachedJob = Identity & {
  readonly scheduleUid: string
  readonly controller: OwnerReference | undefined
  readonly deleting: boolean
  readonly createdAt: string
  readonly suspended: boolean
  /** The slot that the CronJob controller recorded; absent on manual Jobs. */
  readonly slot: string | undefined
  readonly startTime: string | undefined
  /** Complete or Failed; FailureTarget and SuccessCriteriaMet precede the end. */
  readonly end: JobEnd | undefined
  /** Number of pods that have not ended. */
  readonly activePods: number
  /** Number of ended pods, including those that the Job controller has not counted as failed or succeeded yet. */
  readonly endedPods: number
  /** The Job controller has decided the end of the Job and only removes its pods. */
  readonly ending: boolean
}

/** A reason and a message of Kubernetes; both may be ''. */
export type ReasonMessage = { readonly reason: string; readonly message: string }

export type CachedPod = Identity & {
  readonly scheduleUid: string
  /** UID of the Job that controls the pod; '' without one. Labels prove nothing, because any user may write them. */
  readonly jobUid: string
  /** The worker's index in an Indexed Job; undefined for a Job with one worker. */
  readonly index: string | undefined
  readonly createdAt: string
  readonly deleting: boolean
  readonly phase: string
  /** Why a container is not running. */
  readonly waiting: ReasonMessage | undefined
  /** Why the pod cannot be scheduled. */
  readonly unschedulable: ReasonMessage | undefined
  /** Why the node refused or ended the whole pod: `OutOfcpu`, `Evicted`. Its containers may have no status. */
  readonly failure: ReasonMessage | undefined
  /** How the job's container ended; `message` is its termination message. */
  readonly terminated:
    (ReasonMessage & { readonly exitCode: number; readonly finishedAt: string | undefined }) | undefined
  /** Names of containers, including sidecars, that still run after the job's container has ended. */
  readonly stillRunning: readonly string[]
}

export function projectSchedule(object: KubeObject): CachedSchedule {
  const { metadata } = object
  return {
    ...identityOf(object),
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    createdAt: metadata.creationTimestamp ?? '',
    runRequest: metadata.annotations?.[RUN_REQUEST_ANNOTATION] ?? '',
    // The API server has set the defaults and validated the shape.
    spec: internWithin(object['spec'] as ValidationScheduleSpec),
    status: internWithin(object['status'] ?? {}),
  }
}

export function projectCronJob(object: KubeObject): CachedCronJob {
  const { metadata } = object
  const spec = record(object['spec'])
  return {
    ...identityOf(object),
    controller: controllerOf(object),
    deleting: metadata.deletionTimestamp !== undefined,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    ownerReferences: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    specHash: digestOf(spec),
    lastManager: lastManager(metadata.managedFields),
    slots: {
      schedule: text(spec['schedule']) ?? '',
      timeZone: text(spec['timeZone']) ?? '',
      suspend: spec['suspend'] === true,
      startingDeadlineSeconds: number(spec['startingDeadlineSeconds']),
    },
  }
}

export function projectJob(object: KubeObject): CachedJob {
  const { metadata } = object
  const spec = record(object['spec'])
  const status = record(object['status'])
  return {
    ...identityOf(object),
    scheduleUid: intern(metadata.labels?.[SCHEDULE_UID_LABEL] ?? ''),
    controller: internWithin(controllerOf(object)),
    deleting: metadata.deletionTimestamp !== undefined,
    createdAt: metadata.creationTimestamp ?? '',
    suspended: spec['suspend'] === true,
    slot: slotOf(metadata),
    startTime: text(status['startTime']),
    end: jobEnd(status),
    activePods: number(status['active']),
    endedPods: number(status['failed']) + number(status['succeeded']) + uncountedPods(status),
    ending: conditionHolds(status, ['FailureTarget', 'SuccessCriteriaMet']),
  }
}

export function projectPod(object: KubeObject): CachedPod {
  const { metadata } = object
  const { labels = {}, annotations = {} } = metadata
  const status = record(object['status'])
  return {
    ...identityOf(object),
    scheduleUid: intern(labels[SCHEDULE_UID_LABEL] ?? ''),
    jobUid: uidOf(controllerOf(object), 'batch', 'Job') ?? '',
    index: workerIndex(annotations[JOB_INDEX_ANNOTATION]),
    createdAt: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    phase: text(status['phase']) ?? '',
    waiting: waitingState(status),
    unschedulable: unschedulable(status),
    failure: podFailure(status),
    terminated: terminatedState(status),
    stillRunning: stillRunning(status),
  }
}

/** The name of the job's container; others may be injected. */
export const JOB_CONTAINER = 'rapidrmf'

function jobEnd(status: Raw): JobEnd | undefined {
  const condition = list(status['conditions']).find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )
  if (condition === undefined) return undefined
  return {
    type: condition['type'] as JobEnd['type'],
    ...reasonMessage(condition),
    at: text(status['completionTime']) ?? text(condition['lastTransitionTime']) ?? '',
  }
}

function conditionHolds(status: Raw, types: readonly unknown[]): boolean {
  return list(status['conditions']).some(({ type, status }) => types.includes(type) && status === 'True')
}

/**
 * Counts ended pods that are not in `failed` or `succeeded` yet: the controller counts a pod after removing its
 * finalizer.
 */
function uncountedPods(status: Raw): number {
  const { succeeded, failed } = record(status['uncountedTerminatedPods'])
  return [succeeded, failed].reduce<number>((sum, uids) => sum + (Array.isArray(uids) ? uids.length : 0), 0)
}

/** The waiting state of any container: injected ones can block the pod as well. */
function waitingState(status: Raw): ReasonMessage | undefined {
  const states = [...list(status['initContainerStatuses']), ...list(status['containerStatuses'])]
  const waiting = states.map(({ state }) => record(state)['waiting']).find((state) => state !== undefined)
  return waiting === undefined ? undefined : reasonMessage(record(waiting))
}

function unschedulable(status: Raw): ReasonMessage | undefined {
  const condition = list(status['conditions']).find(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  )
  return condition && reasonMessage(condition)
}

function podFailure(status: Raw): ReasonMessage | undefined {
  return status['phase'] === 'Failed' && text(status['reason']) ? reasonMessage(status) : undefined
}

function terminatedState(status: Raw): CachedPod['terminated'] {
  const container = list(status['containerStatuses']).find(({ name }) => name === JOB_CONTAINER)
  const terminated = record(container?.['state'])['terminated']
  if (terminated === undefined) return undefined
  const state = record(terminated)
  return {
    ...reasonMessage(state),
    exitCode: number(state['exitCode']),
    finishedAt: text(state['finishedAt']),
  }
}

const NONE: readonly string[] = []

function stillRunning(status: Raw): readonly string[] {
  if (terminatedState(status) === undefined) return NONE
  const others = [...list(status['initContainerStatuses']), ...list(status['containerStatuses'])]
    .filter(({ name, state }) => name !== JOB_CONTAINER && record(state)['terminated'] === undefined)
    .map(({ name }) => intern(text(name) ?? ''))
  return others.length === 0 ? NONE : others
}

function identityOf({ metadata }: KubeObject): Identity {
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata
  return { namespace: intern(namespace), name, uid, resourceVersion }
}

/**
 * The last field manager. Times are whole seconds: of two writes within one second, another manager is preferred to
 * the operator's own.
 */
function lastManager(entries: readonly ManagedFields[] = []): string {
  const [last] = entries
    .filter(({ subresource = '' }) => subresource === '')
    .toSorted((a, b) => (b.time ?? '').localeCompare(a.time ?? '') || Number(isOwn(a)) - Number(isOwn(b)))
  return last?.manager ?? ''
}

function isOwn({ manager }: ManagedFields): boolean {
  return manager === FIELD_MANAGER
}

/** Accepts decimal digits only, as the Job controller writes them; users of the namespace may write anything. */
function workerIndex(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? text : undefined
}

/** Times of Kubernetes are never longer. */
const LONGEST_TIME = 40

/**
 * The slot of a Job, by its annotation. Users of the namespace may edit it, so it must agree with facts that they
 * cannot edit: the CronJob controller ends the Job's name with the slot's minutes since the epoch, and creates no Job
 * before its slot.
 */
function slotOf({ name, annotations, creationTimestamp = '' }: ObjectMeta): string | undefined {
  const text = annotations?.[SLOT_ANNOTATION] ?? ''
  if (text.length > LONGEST_TIME) return undefined
  const slot = Date.parse(text)
  const agrees =
    name.endsWith(`-${Math.floor(slot / 60_000)}`) && slot <= Date.parse(creationTimestamp) + CLOCK_SKEW_MS
  return agrees ? text : undefined
}

function reasonMessage(value: Raw): ReasonMessage {
  return { reason: intern(text(value['reason']) ?? ''), message: intern(text(value['message']) ?? '') }
}
