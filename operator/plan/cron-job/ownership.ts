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

/** Whose a CronJob of the needed name is. */
export type Ownership =
  | { readonly kind: 'ours' }
  /** Left behind by a deletion that spared its children: to be taken over. */
  | { readonly kind: 'orphaned' }
  /** On its way out: to be waited for. */
  | { readonly kind: 'leaving' }
  /** Controlled by a schedule of this name with another UID. */
  | { readonly kind: 'predecessors' }
  | { readonly kind: 'foreign'; readonly owner: string }

/**
 * So long after a schedule was made, garbage collection has removed the CronJob of the schedule that had its name before.
 * It may never do so: an informer that was cut off sees the deletion of one and the creation of the other as an update
 * (kubernetes/kubernetes#133565).
 */
const CLEANUP_MS = 10_000

/** The end of the wait for the CronJob of an earlier schedule of this name; milliseconds since the epoch. */
export function cleanedUpAt({ createdAt }: CachedSchedule): number {
  return instant(createdAt) + CLEANUP_MS
}

type Check = (cronJob: CachedCronJob, schedule: CachedSchedule) => Ownership | undefined

const beingDeleted: Check = ({ deleting }) => (deleting ? { kind: 'leaving' } : undefined)

const controlledBySchedule: Check = ({ controller }, { uid }) =>
  controller?.uid === uid ? { kind: 'ours' } : undefined

/** It has lost its owner, and maybe every mark of ours; but the status, which nobody else writes, knows its UID. */
const uidKnownToStatus: Check = ({ controller, uid }, { status }) =>
  controller === undefined && uid === status.cronJob?.uid ? { kind: 'ours' } : undefined

/** Anybody can write a label: what has ours and no controller becomes what the schedule asks for, whoever made it. */
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
    owner: controller === undefined ? 'nobody' : `${controller.kind} ${controller.name}`,
  }
}

/**
 * Whether a Job is a run of the schedule: its controller is the schedule itself, or the CronJob that the schedule
 * controls, both by UID. Names and labels prove nothing, because everyone who may create a Job may write them. The label
 * is asked for all the same: a CronJob that was taken over from an earlier schedule of this name still has that one's Jobs.
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
