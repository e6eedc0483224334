import type { KubeObject } from '../../kube/object.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import { jobTemplate } from './job-template.ts'
import { childAnnotations, childLabels, ownedBy } from './metadata.ts'
import { childName } from '../../values/names.ts'

/** The desired CronJob of a schedule. Run requests use the same template. */
export function cronJob(schedule: CachedSchedule, defaults: JobDefaults): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: {
      name: childName(schedule.name),
      namespace: schedule.namespace,
      labels: childLabels(schedule),
      annotations: childAnnotations(schedule),
      ownerReferences: [ownedBy(schedule)],
    },
    spec: cronJobSpec(schedule, defaults),
  }
}

function cronJobSpec(schedule: CachedSchedule, defaults: JobDefaults): Record<string, unknown> {
  const { spec } = schedule
  return {
    schedule: spec.schedule,
    timeZone: spec.timeZone,
    suspend: spec.suspend,
    concurrencyPolicy: spec.concurrencyPolicy,
    startingDeadlineSeconds: spec.startingDeadlineSeconds,
    successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit,
    failedJobsHistoryLimit: spec.failedJobsHistoryLimit,
    jobTemplate: jobTemplate(schedule, defaults),
  }
}
