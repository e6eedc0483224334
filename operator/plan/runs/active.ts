import { defined } from '../../../common/defined.ts'
import type { ActiveRun } from '../../../crds/validation-schedule.ts'
import type { CachedJob, CachedPod, ReasonMessage } from '../../cache/projections.ts'
import { plainText } from '../../values/plain-text.ts'
import { earliest, instant, utc } from '../../values/time.ts'

const MAX_MESSAGE = 512

/** Milliseconds without any pod after which the Job's events are read for the reason. */
export const NO_POD_MS = 10_000
/** Milliseconds until they are read again if they give no reason. */
export const NO_POD_AGAIN_MS = 60_000

/** Milliseconds that a pod may wait for a node of an autoscaler before it counts as stuck. */
const NO_NODE_MS = 300_000

export const QUEUED = 'Queued'
/** The run has ended and is in the status, but other containers keep the Job from ending. */
export const RUN_ENDED = 'RunEnded'

/**
 * True if the reason of an active run means that it is not making progress; a queued or an ended run is not stuck.
 */
export function isStuck({ reason }: ActiveRun): boolean {
  return reason !== undefined && reason !== QUEUED && reason !== RUN_ENDED
}

/** The kubelet's reasons for a container that cannot start, and the one that is shown: it alternates between two. */
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
  /** Milliseconds that a pod may be without a node; see `nodeGrace`. */
  readonly nodeGraceMs: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The run in the present status. */
  readonly before: ActiveRun | undefined
  /** The newest warning of the Job's events, if they were read. */
  readonly warning: ReasonMessage | undefined
  /** True if the status already contains the end of the run. */
  readonly isReported: boolean
}

/**
 * The status entry of a run that has not ended. It stays the same while the run makes progress, because each change
 * is a write.
 */
export function activeRun({ job, before, warning, isReported, ...input }: ActiveInput): ActiveRun {
  const pods = input.pods.map((pod) => withinNodeGrace(pod, input))
  const slot = utc(job.slot)
  const startTime = before?.startTime ?? (job.suspended ? undefined : utc(job.startTime ?? job.createdAt))
  return defined({
    jobUID: job.uid,
    job: job.name,
    trigger: slot === undefined ? 'Manual' : 'Schedule',
    scheduledTime: slot,
    startTime,
    ...keepFirstMessage(
      (isReported ? runEndedReason(pods) : undefined) ??
        noProgressReason(job, pods, warning ?? lastReason(pods, before)),
      before,
    ),
  })
}

/** True if the Job has no pod and the reason is unknown. */
export function isPodOverdue(
  job: CachedJob,
  pods: readonly CachedPod[],
  before: ActiveRun | undefined,
): boolean {
  return neverHadPod(job, pods) && before?.reason === undefined
}

/** When to read the reason if there is still no pod. */
export function noPodDue({ createdAt, startTime }: CachedJob): number {
  return instant(startTime ?? createdAt) + NO_POD_MS
}

/**
 * The grace for pods without a node: a run with a short deadline must report the reason before the deadline passes.
 */
export function nodeGrace(activeDeadlineSeconds: number): number {
  return Math.min(NO_NODE_MS, activeDeadlineSeconds * 500)
}

/** When the grace of the pods without a node ends; undefined if none waits or all have exceeded it. */
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

/** Ignores that a pod is unschedulable within the grace. */
function withinNodeGrace(
  pod: CachedPod,
  { nodeGraceMs, now }: Pick<ActiveInput, 'nodeGraceMs' | 'now'>,
): CachedPod {
  return nodeDue(pod, nodeGraceMs) > now ? { ...pod, unschedulable: undefined } : pod
}

/** Why a Job continues after its run has ended; undefined while another try runs, and while no pod is known. */
function runEndedReason(pods: readonly CachedPod[]): ReasonMessage | undefined {
  if (pods.length === 0 || pods.some(({ terminated }) => terminated === undefined)) return undefined
  const running = [...new Set(pods.flatMap(({ stillRunning }) => stillRunning))].toSorted()
  const why =
    running.length === 0
      ? ''
      : `; still running in its pod, so that the Job cannot end: ${running.join(', ')}`
  return { reason: RUN_ENDED, message: `the run has ended, and its Job has not${why}` }
}

/** True if the Job has never had a pod. Warnings of a Job that is about to end concern its end. */
function neverHadPod(
  { suspended, ending, activePods, endedPods }: CachedJob,
  pods: readonly CachedPod[],
): boolean {
  return !suspended && !ending && activePods + endedPods === 0 && pods.length === 0
}

/**
 * The last known reason, which holds until another pod exists. The deadline deletes the pod before the Job has
 * failed, and a stuck container is shown as ended first.
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
        message: 'the Job is suspended: it waits until its queue admits it or a user resumes it',
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
  // One running worker is enough for the run to make progress.
  const newest =
    workers.find(({ phase, waiting }) => phase === 'Running' && waiting === undefined) ?? workers[0]
  for (const check of CHECKS) {
    const reason = check(job, newest, warning)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** The newest pod of each worker, the newest of all first. */
function newestOfEach(pods: readonly CachedPod[]): CachedPod[] {
  const newestFirst = pods.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
  return [...Map.groupBy(newestFirst, ({ index }) => index).values()].flatMap((each) => each.slice(0, 1))
}

/** Keeps the first message of a reason: messages vary between tries, and each change would be a write. */
function keepFirstMessage(
  found: ReasonMessage | undefined,
  before: ActiveRun | undefined,
): { reason?: string; message?: string } {
  if (found === undefined) return {}
  const { reason } = found
  if (before?.reason === reason && before.message !== undefined) return { reason, message: before.message }
  return { reason, message: plainText(found.message, MAX_MESSAGE) }
}
