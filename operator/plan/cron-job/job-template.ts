import type { JobSettings } from '../../../crds/validation-schedule.ts'
import { JOB_CONTAINER } from '../../cache/projections.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'
import { childAnnotations, childLabels } from './metadata.ts'
import { podTemplate } from './pod.ts'
import type { PodTemplate } from './pod.ts'

/** Exit codes after which a retry cannot help: 2 usage or configuration, 3 findings where they were to fail the Job. */
const FINAL_EXIT_CODES = [2, 3]

export type JobTemplate = {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>> & { readonly template: PodTemplate }
}

/**
 * Several workers of one run: a Job that is complete when each of its pods has ended well, as all do once the run is
 * closed. What breaks one try of one worker, such as a database that is away, breaks one of each at the same time.
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

/** One run as a Job, the same for a slot and for a run request. */
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
          // A drained node is no failure of the run: the next pod goes on where this one stopped.
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: podTemplate(schedule, defaults),
    },
  }
}
