import {
  API_VERSION,
  GROUP,
  KIND,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SCHEDULE_UID_LABEL,
} from '../../../crds/validation-schedule.ts'
import { uidOf } from '../../kube/object.ts'
import type { CachedCronJob, CachedJob, CachedSchedule } from '../../cache/projections.ts'
import { instant } from '../../values/time.ts'

/** The owner of a CronJob of the needed name. */
export type Ownership =
  | { readonly kind: 'ours' }
  /** Left behind by a deletion that kept the children; it is adopted. */
  | { readonly kind: 'orphaned' }
  /** Being deleted. */
  | { readonly kind: 'leaving' }
  /** Controlled by a schedule of this name with another UID. */
  | { readonly kind: 'predecessors' }
  | { readonly kind: 'foreign'; readonly owner: string }

/**
 * Milliseconds after the creation of a schedule in which garbage collection removes the CronJob of an earlier
 * schedule of this name. It may never do so: an informer that was disconnected sees deletion and creation as an
 * update (kubernetes/kubernetes#133565).
 */
const CLEANUP_MS = 10_000

/** When the wait for the CronJob of an earlier schedule of this name ends; milliseconds since the epoch. */
export function cleanedUpAt({ createdAt }: CachedSchedule): number {
  return instant(createdAt) + CLEANUP_MS
}

type Check = (cronJob: CachedCronJob, schedule: CachedSchedule) => Ownership | undefined

const beingDeleted: Check = ({ deleting }) => (deleting ? { kind: 'leaving' } : undefined)

const controlledBySchedule: Check = ({ controller }, { uid }) =>
  controller?.uid === uid ? { kind: 'ours' } : undefined

/**
 * The CronJob has lost its owner and maybe its labels, but the status, which only the operator writes, has its UID.
 */
const uidKnownToStatus: Check = ({ controller, uid }, { status }) =>
  controller === undefined && uid === status.cronJob?.uid ? { kind: 'ours' } : undefined

/** Any user can write a label: a CronJob with ours and no controller is adopted. */
const labelledWithoutController: Check = ({ controller, labels }) =>
  controller === undefined && labels[MANAGED_BY_LABEL] === MANAGED_BY && SCHEDULE_UID_LABEL in labels
    ? { kind: 'orphaned' }
    : undefined

const controlledByPredecessor: Check = ({ controller }, { name }) =>
  controller?.apiVersion === API_VERSION && controller.kind === KIND && controller.name === name
    ? { kind: 'predecessors' }
    : undefined

const CHECKS: readonly Check[] = [
  beingDeleted,
  controlledBySchedule,
  uidKnownToStatus,
  labelledWithoutController,
  controlledByPredecessor,
]

export function ownershipOf(cronJob: CachedCronJob, schedule: CachedSchedule): Ownership {
  for (const check of CHECKS) {
    const ownership = check(cronJob, schedule)
    if (ownership !== undefined) return ownership
  }
  const { controller } = cronJob
  return {
    kind: 'foreign',
    owner: controller === undefined ? 'no controller' : `${controller.kind} ${controller.name}`,
  }
}

/**
 * True if the Job is a run of the schedule: its controller is the schedule, or the CronJob that the schedule
 * controls, both by UID. Names and labels prove nothing, because any user who may create a Job may write them. The
 * label is still required: an adopted CronJob has Jobs of its earlier schedule.
 */
export function isRunOf(
  { uid, namespace }: CachedSchedule,
  cronJob: CachedCronJob | undefined,
  job: CachedJob,
): boolean {
  if (job.scheduleUid !== uid || job.namespace !== namespace) return false
  if (uidOf(job.controller, GROUP, KIND) === uid) return true
  return cronJob?.controller?.uid === uid && uidOf(job.controller, 'batch', 'CronJob') === cronJob.uid
}
