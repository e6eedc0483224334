import { RUN_REQUEST_TOKEN_ANNOTATION } from '../../../crds/validation-schedule.ts'
import type { KubeObject } from '../../kube/object.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import { jobTemplate } from './job-template.ts'
import { ownedBy } from './metadata.ts'
import { runNowName } from '../../values/names.ts'
import { plainText } from '../../values/plain-text.ts'

const MAX_SHOWN_TOKEN = 256

/**
 * The Job of a run request. The schedule owns it, not the CronJob: a Job that a CronJob controls but did not create
 * causes the Warning UnexpectedJob at each of its syncs.
 */
export function runNowJob(schedule: CachedSchedule, defaults: JobDefaults): KubeObject {
  const { metadata, spec } = jobTemplate(schedule, defaults)
  const token = plainText(schedule.runRequest, MAX_SHOWN_TOKEN)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: runNowName(schedule, schedule.runRequest),
      namespace: schedule.namespace,
      labels: metadata.labels,
      annotations: { ...metadata.annotations, [RUN_REQUEST_TOKEN_ANNOTATION]: token },
      ownerReferences: [ownedBy(schedule)],
    },
    spec,
  }
}
