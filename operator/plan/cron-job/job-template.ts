import { EXIT } from '../../../common/exit-codes.ts'
import type { JobSettings } from '../../../crds/validation-schedule.ts'
import { JOB_CONTAINER } from '../../cache/projections.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import { childAnnotations, childLabels } from './metadata.ts'
import { podTemplate } from './pod.ts'
import type { PodTemplate } from './pod.ts'

/** Exit codes that a retry cannot change. */
const FINAL_EXIT_CODES = [EXIT.usage, EXIT.findings]

export type JobTemplate = {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>> & { readonly template: PodTemplate }
}

/**
 * Job fields for several workers of one run. The Job is complete when each pod has succeeded, as all do once the run
 * is closed. A cause such as an unavailable database fails one try of each worker at the same time.
 */
function workers({ parallelism, backoffLimit }: JobSettings): Readonly<Record<string, unknown>> {
  if (!(parallelism > 1)) return { backoffLimit }
  return {
    completionMode: 'Indexed',
    completions: parallelism,
    parallelism,
    backoffLimit: backoffLimit * parallelism,
  }
}

/** The Job template of a run, the same for a slot and for a run request. */
export function jobTemplate(schedule: CachedSchedule, defaults: JobDefaults): JobTemplate {
  const { job } = schedule.spec
  return {
    metadata: {
      labels: { ...job.labels, ...childLabels(schedule) },
      annotations: { ...job.annotations, ...childAnnotations(schedule) },
    },
    spec: {
      activeDeadlineSeconds: job.activeDeadlineSeconds,
      ...workers(job),
      podFailurePolicy: {
        rules: [
          {
            action: 'FailJob',
            onExitCodes: { containerName: JOB_CONTAINER, operator: 'In', values: FINAL_EXIT_CODES },
          },
          // A drained node is not a failure of the run: the next pod continues it.
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: podTemplate(schedule, defaults),
    },
  }
}
