import {
  API_VERSION,
  KIND,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SCHEDULE_NAME_ANNOTATION,
  SCHEDULE_UID_LABEL,
} from '../../../crds/validation-schedule.ts'
import type { OwnerReference } from '../../kube/object.ts'
import type { CachedSchedule } from '../../cache/projections.ts'

/*
 * Labels and annotations of the CronJob, its Jobs and their pods; the watches select by the labels. Those of the
 * schedule are not copied: with them, Argo CD and kubectl would treat the children as their own.
 */

export function childLabels({ uid }: CachedSchedule): Record<string, string> {
  return { [MANAGED_BY_LABEL]: MANAGED_BY, [SCHEDULE_UID_LABEL]: uid }
}

export function childAnnotations({ name }: CachedSchedule): Record<string, string> {
  return { [SCHEDULE_NAME_ANNOTATION]: name }
}

/**
 * The owner reference, by which deleting the schedule deletes its children. blockOwnerDeletion would need a
 * permission on finalizers.
 */
export function ownedBy({ name, uid }: CachedSchedule): OwnerReference {
  return { apiVersion: API_VERSION, kind: KIND, name, uid, controller: true }
}
