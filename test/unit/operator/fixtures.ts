import { scheduleSpecSchema } from '../../../crds/validation-schedule.ts'
import type {
  ValidationScheduleSpecInput,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import { encodeRunSummary } from '../../../crds/run-summary.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { projectCronJob, projectJob } from '../../../operator/cache/projections.ts'
import type {
  CachedCronJob,
  CachedJob,
  CachedPod,
  CachedSchedule,
  JobEnd,
} from '../../../operator/cache/projections.ts'
import { cronJob } from '../../../operator/plan/cron-job/cron-job.ts'
import { cronJobStatus } from '../../../operator/plan/cron-job/cron-job-status.ts'
import type { LastWrite } from '../../../operator/plan/cron-job/drift.ts'
import { NOTHING_OBSERVED } from '../../../operator/plan/inputs/live-reads.ts'
import { childName } from '../../../operator/values/names.ts'
import type { PlanInput } from '../../../operator/plan/plan.ts'

/** A Tuesday, an hour after the last slot of `nightly`. */
export const NOW = Date.parse('2026-11-24T03:00:00Z')
export const at = (seconds: number): string =>
  new Date(NOW + seconds * 1000).toISOString().replace('.000', '')

export const DEFAULTS = { image: 'registry.example/rapidrmf:1.2.3' }

const SPEC: ValidationScheduleSpecInput = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
}

export function schedule(
  spec: Partial<ValidationScheduleSpecInput> = {},
  more: Partial<Omit<CachedSchedule, 'spec'>> = {},
): CachedSchedule {
  return {
    namespace: 'compliance',
    name: 'nightly',
    uid: 'schedule-uid',
    resourceVersion: '100',
    generation: 1,
    deleting: false,
    createdAt: at(-86_400 * 7),
    runRequest: '',
    status: {},
    ...more,
    spec: scheduleSpecSchema.parse({ ...SPEC, ...spec }),
  }
}

/** An object of Kubernetes' to be changed at will. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Raw = any

/** The CronJob of a schedule as the API server would hold it. */
export function liveCronJob(
  of: CachedSchedule,
  change: (object: Raw) => unknown = () => undefined,
): CachedCronJob {
  const desired = cronJob(of, DEFAULTS)
  const object = structuredClone({
    ...desired,
    metadata: {
      ...desired.metadata,
      uid: 'cron-job-uid',
      resourceVersion: '200',
      creationTimestamp: at(-86_400 * 7),
      managedFields: [{ manager: 'rapidrmf-operator', operation: 'Update', fieldsV1: { 'f:spec': {} } }],
    },
  })
  change(object)
  return projectCronJob(object)
}

export type JobChange = Partial<CachedJob>

export function job(uid: string, change: JobChange = {}): CachedJob {
  return {
    ...projectJob({ metadata: { name: `${childName('nightly')}-${uid}`, namespace: 'compliance', uid } }),
    resourceVersion: '300',
    scheduleUid: 'schedule-uid',
    controller: {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      name: childName('nightly'),
      uid: 'cron-job-uid',
      controller: true,
    },
    createdAt: at(-3600),
    startTime: at(-3600),
    slot: at(-3600),
    activePods: 1,
    ...change,
  }
}

export function ended(
  type: JobEnd['type'] = 'Complete',
  seconds = -3000,
  reason = '',
): { end: JobEnd; activePods: 0 } {
  return { end: { type, reason, message: '', at: at(seconds) }, activePods: 0 }
}

export function pod(jobUid: string, change: Partial<CachedPod> = {}): CachedPod {
  return {
    namespace: 'compliance',
    name: `pod-of-${jobUid}`,
    uid: `pod-of-${jobUid}`,
    resourceVersion: '400',
    scheduleUid: 'schedule-uid',
    jobUid,
    index: undefined,
    createdAt: at(-3600),
    deleting: false,
    phase: 'Running',
    waiting: undefined,
    unschedulable: undefined,
    failure: undefined,
    terminated: undefined,
    stillRunning: [],
    ...change,
  }
}

/** A pod that has ended with this message. */
export function endedPod(jobUid: string, message: string, exitCode = 0, reason = ''): CachedPod {
  return pod(jobUid, {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    terminated: { exitCode, reason, message, finishedAt: at(-3001) },
  })
}

export function summary(runKey: string, change: Partial<RunSummary> = {}): string {
  return encodeRunSummary({
    version: 1,
    runKey,
    runId: 1207,
    environment: 'production',
    final: true,
    status: 'success',
    verdict: 'Findings',
    reason: 'ControlsNotPassed',
    message: '4 of 12 results are not pass',
    startedAt: at(-3590),
    finishedAt: at(-3002),
    counts: {
      systems: 3,
      controls: 4,
      results: 12,
      pass: 8,
      notPass: 4,
      fail: 1,
      insufficientEvidence: 2,
      unknown: 1,
      errors: 0,
    },
    ...change,
  })
}

/** What the operator knows of its last write when it has written the CronJob of this schedule. */
export function writtenFor(of: CachedSchedule): LastWrite {
  const { uid, specHash } = liveCronJob(of)
  return { uid, sentHash: specHash, storedHash: specHash }
}

/** The same schedule with a status that remembers its CronJob, a week old. */
export function remembering(of: CachedSchedule): CachedSchedule {
  const cronJob = cronJobStatus(liveCronJob(of), writtenFor(of), {}, NOW - 7 * 86_400_000)
  return { ...of, status: { ...of.status, cronJob } }
}

/** A CronJob that is there was written for this schedule, unless `written` says otherwise. */
export function input(change: Partial<PlanInput> = {}): PlanInput {
  const { schedule: of = schedule(), cronJob } = change
  return {
    schedule: of,
    cronJob: undefined,
    written: cronJob === undefined ? undefined : writtenFor(of),
    jobs: [],
    ofCronJob: [],
    pods: [],
    observed: NOTHING_OBSERVED,
    defaults: DEFAULTS,
    now: NOW,
    plannedAt: NOW,
    ...change,
  }
}

export function condition(status: ValidationScheduleStatus | undefined, type: string) {
  const found = status?.conditions?.find((condition) => condition.type === type)
  return found && `${found.status}/${found.reason}`
}
