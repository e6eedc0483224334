import {
  API_VERSION,
  KIND,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SCHEDULE_UID_LABEL,
} from '../../crds/validation-schedule.ts'
import type { CachedCronJob, CachedJob, CachedSchedule } from '../model.ts'
import { childName } from './names.ts'

/** Whose a CronJob of the needed name is. */
export type Ownership =
  | { readonly kind: 'ours' }
  /** Left behind by a deletion that spared its children: to be taken over. */
  | { readonly kind: 'orphaned' }
  /** On its way out: to be waited for. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'foreign'; readonly owner: string }

type Check = (cronJob: CachedCronJob, schedule: CachedSchedule) => Ownership | undefined

const isLeaving: Check = ({ deleting }) => (deleting ? { kind: 'leaving' } : undefined)

const isOurs: Check = ({ controller }, { uid }) => (controller?.uid === uid ? { kind: 'ours' } : undefined)

const isOrphaned: Check = ({ controller, labels }) =>
  controller === undefined && labels[MANAGED_BY_LABEL] === MANAGED_BY && SCHEDULE_UID_LABEL in labels
    ? { kind: 'orphaned' }
    : undefined

/** A deleted schedule of the same name, whose children the garbage collector has not reached yet. */
const isPredecessors: Check = ({ controller }, { name }) =>
  controller?.apiVersion === API_VERSION && controller.kind === KIND && controller.name === name
    ? { kind: 'leaving' }
    : undefined

const CHECKS: readonly Check[] = [isLeaving, isOurs, isOrphaned, isPredecessors]

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
 * Whether a Job with the schedule's label is a run of it: its own, or of its CronJob, which may have been deleted and
 * made again since. Anybody can write a label.
 */
export function isRunOf(
  schedule: CachedSchedule,
  { controller, scheduleUid, namespace }: CachedJob,
): boolean {
  if (scheduleUid !== schedule.uid || namespace !== schedule.namespace) return false
  if (controller?.uid === schedule.uid) return true
  return (
    controller?.apiVersion === 'batch/v1' &&
    controller.kind === 'CronJob' &&
    controller.name === childName(schedule.name)
  )
}
