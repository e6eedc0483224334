import type { ActiveRun } from '../../../crds/validation-schedule.ts'
import type { CachedJob, CachedPod, ReasonMessage } from '../../cache/projections.ts'
import { plainText } from '../../values/plain-text.ts'
import { earliest, instant, utc } from '../../values/time.ts'

const MAX_MESSAGE = 512

/** After so long without any pod, the Job's events are asked for the reason. */
export const NO_POD_MS = 10_000
/** And again after this, as long as they give none. */
export const NO_POD_AGAIN_MS = 60_000

/** So long a pod may wait for a node that an autoscaler brings, before that is trouble. */
const NO_NODE_MS = 300_000

export const QUEUED = 'Queued'
/** The run has ended and is in the status, and other containers of its pods keep the Job from ending. */
export const RUN_ENDED = 'RunEnded'

/** Whether the reason of an active run is trouble with it: a queue is to be waited for, and a run that has ended is well. */
export function isStuck({ reason }: ActiveRun): boolean {
  return reason !== undefined && reason !== QUEUED && reason !== RUN_ENDED
}

/** Words of the kubelet for a container that cannot start, and the one that is shown: it says two by turns. */
const STUCK: Readonly<Record<string, string>> = {
  ImagePullBackOff: 'ImagePullBackOff',
  ErrImagePull: 'ImagePullBackOff',
  ErrImageNeverPull: 'ErrImageNeverPull',
  InvalidImageName: 'InvalidImageName',
  ImageInspectError: 'ImageInspectError',
  RegistryUnavailable: 'RegistryUnavailable',
  SignatureValidationFailed: 'SignatureValidationFailed',
  CreateContainerConfigError: 'CreateContainerConfigError',
  CreateContainerError: 'CreateContainerError',
  RunContainerError: 'RunContainerError',
}

export type ActiveInput = {
  readonly job: CachedJob
  readonly pods: readonly CachedPod[]
  /** How long a pod may have no node; see `nodeGrace`. */
  readonly nodeGraceMs: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** What the status says so far. */
  readonly before: ActiveRun | undefined
  /** The newest warning among the Job's events, if they were asked for. */
  readonly warning: ReasonMessage | undefined
  /** Whether the status says already how the run ended. */
  readonly isReported: boolean
}

/** A run that has not ended. Says nothing that changes while all goes well: each change is a write. */
export function activeRun({ job, before, warning, isReported, ...input }: ActiveInput): ActiveRun {
  const pods = input.pods.map((pod) => withinNodeGrace(pod, input))
  const slot = utc(job.slot)
  const startTime = before?.startTime ?? (job.suspended ? undefined : utc(job.startTime ?? job.createdAt))
  return {
    jobUID: job.uid,
    job: job.name,
    trigger: slot === undefined ? 'Manual' : 'Schedule',
    ...(slot === undefined ? {} : { scheduledTime: slot }),
    ...(startTime === undefined ? {} : { startTime }),
    ...keepFirstMessage(
      (isReported ? runEndedReason(pods) : undefined) ??
        noProgressReason(job, pods, warning ?? lastReason(pods, before)),
      before,
    ),
  }
}

/** Whether the Job should have had a pod by now, and nobody knows why not. */
export function isPodOverdue(
  job: CachedJob,
  pods: readonly CachedPod[],
  before: ActiveRun | undefined,
): boolean {
  return neverHadPod(job, pods) && before?.reason === undefined
}

/** When to ask for the reason, if there is still no pod by then. */
export function noPodDue({ createdAt, startTime }: CachedJob): number {
  return instant(startTime ?? createdAt) + NO_POD_MS
}

/** A run with a short deadline says what it waited for before that has passed. */
export function nodeGrace(activeDeadlineSeconds: number): number {
  return Math.min(NO_NODE_MS, activeDeadlineSeconds * 500)
}

/** When the pods that have no node yet will have waited too long for one; undefined where none waits, or all have. */
export function noNodeDue({
  pods,
  nodeGraceMs,
  now,
}: Pick<ActiveInput, 'pods' | 'nodeGraceMs' | 'now'>): number | undefined {
  const waiting = pods.filter(({ unschedulable }) => unschedulable !== undefined)
  return earliest(...waiting.map((pod) => nodeDue(pod, nodeGraceMs)).filter((due) => due > now))
}

function nodeDue({ createdAt }: CachedPod, nodeGraceMs: number): number {
  return instant(createdAt) + nodeGraceMs
}

/** A pod for which a node may still come has no trouble with nodes. */
function withinNodeGrace(
  pod: CachedPod,
  { nodeGraceMs, now }: Pick<ActiveInput, 'nodeGraceMs' | 'now'>,
): CachedPod {
  return nodeDue(pod, nodeGraceMs) > now ? { ...pod, unschedulable: undefined } : pod
}

/** Why a Job goes on whose run has ended; undefined while another try is under way, and while no pod is known. */
function runEndedReason(pods: readonly CachedPod[]): ReasonMessage | undefined {
  if (pods.length === 0 || pods.some(({ terminated }) => terminated === undefined)) return undefined
  const running = [...new Set(pods.flatMap(({ stillRunning }) => stillRunning))].toSorted()
  const why =
    running.length === 0
      ? ''
      : `; still running in its pod, so that the Job cannot end: ${running.join(', ')}`
  return { reason: RUN_ENDED, message: `the run has ended, and its Job has not${why}` }
}

/** The warnings of a Job that is about to end are those of its end, and say nothing of a run that waits. */
function neverHadPod(
  { suspended, ending, activePods, endedPods }: CachedJob,
  pods: readonly CachedPod[],
): boolean {
  return !suspended && !ending && activePods + endedPods === 0 && pods.length === 0
}

/**
 * Why there is no pod was asked once, and why the pod that is gone did not get on is known from it: both hold until
 * another one comes. The deadline deletes the pod before the Job has failed, and what was stuck is shown as ended first.
 */
function lastReason(pods: readonly CachedPod[], before: ActiveRun | undefined): ReasonMessage | undefined {
  const isAnotherThere = pods.some(({ terminated }) => terminated === undefined)
  if (before?.reason === undefined || before.reason === QUEUED || isAnotherThere) return undefined
  return { reason: before.reason, message: before.message ?? '' }
}

type NoProgressCheck = (
  job: CachedJob,
  newest: CachedPod | undefined,
  warning: ReasonMessage | undefined,
) => ReasonMessage | undefined

const jobSuspended: NoProgressCheck = ({ suspended }) =>
  suspended
    ? {
        reason: QUEUED,
        message: 'the Job is suspended: it waits for its queue to admit it, or for somebody to resume it',
      }
    : undefined

const podMissing: NoProgressCheck = (_job, newest, warning) => (newest === undefined ? warning : undefined)

const containerCannotStart: NoProgressCheck = (_job, newest) => {
  const reason = STUCK[newest?.waiting?.reason ?? '']
  return reason === undefined ? undefined : { reason, message: newest?.waiting?.message ?? '' }
}

const podUnschedulable: NoProgressCheck = (_job, newest) => newest?.unschedulable

const CHECKS: readonly NoProgressCheck[] = [jobSuspended, podMissing, containerCannotStart, podUnschedulable]

function noProgressReason(
  job: CachedJob,
  pods: readonly CachedPod[],
  warning: ReasonMessage | undefined,
): ReasonMessage | undefined {
  const workers = newestOfEach(pods.filter(({ terminated }) => terminated === undefined))
  // One that works is enough for the run to get on.
  const newest =
    workers.find(({ phase, waiting }) => phase === 'Running' && waiting === undefined) ?? workers[0]
  for (const check of CHECKS) {
    const words = check(job, newest, warning)
    if (words !== undefined) return words
  }
  return undefined
}

/** Of each worker of the run the newest pod, the newest of all first. */
function newestOfEach(pods: readonly CachedPod[]): CachedPod[] {
  const newestFirst = pods.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
  return [...Map.groupBy(newestFirst, ({ index }) => index).values()].flatMap((each) => each.slice(0, 1))
}

/** The words of the same reason vary from try to try; the first ones stay, or each try would be a write. */
function keepFirstMessage(
  found: ReasonMessage | undefined,
  before: ActiveRun | undefined,
): { reason?: string; message?: string } {
  if (found === undefined) return {}
  const { reason } = found
  if (before?.reason === reason && before.message !== undefined) return { reason, message: before.message }
  return { reason, message: plainText(found.message, MAX_MESSAGE) }
}
