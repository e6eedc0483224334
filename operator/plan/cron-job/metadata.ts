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
 * On the CronJob, its Jobs and their pods: the watches select by the labels. The schedule's own labels and annotations
 * are not among them: they would carry the marks of Argo CD and kubectl, which then take the children for their own.
 */

export function childLabels({ uid }: CachedSchedule): Record<string, string> {
  return { [MANAGED_BY_LABEL]: MANAGED_BY, [SCHEDULE_UID_LABEL]: uid }
}

export function childAnnotations({ name }: CachedSchedule): Record<string, string> {
  return { [SCHEDULE_NAME_ANNOTATION]: name }
}

/** Deleting the schedule deletes what it owns; without blockOwnerDeletion, which would need a right on finalizers. */
export function ownedBy({ name, uid }: CachedSchedule): OwnerReference {
  return { apiVersion: API_VERSION, kind: KIND, name, uid, controller: true }
}
