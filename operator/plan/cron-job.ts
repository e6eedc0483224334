import { createHash } from 'node:crypto'
import { SPEC_HASH_ANNOTATION } from '../../crds/validation-schedule.ts'
import type { KubeObject } from '../kube/object.ts'
import type { CachedSchedule } from '../model.ts'
import type { JobDefaults } from './job-defaults.ts'
import { jobTemplate } from './job-template.ts'
import { childAnnotations, childLabels, ownedBy } from './metadata.ts'
import { childName } from './names.ts'

/** The CronJob that a schedule asks for. Its template is that of run requests too. */
export function cronJob(schedule: CachedSchedule, defaults: JobDefaults): KubeObject {
  const spec = cronJobSpec(schedule, defaults)
  const hash = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16)
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: {
      name: childName(schedule.name),
      namespace: schedule.namespace,
      labels: childLabels(schedule),
      annotations: { ...childAnnotations(schedule), [SPEC_HASH_ANNOTATION]: hash },
      ownerReferences: [ownedBy(schedule)],
    },
    spec,
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
