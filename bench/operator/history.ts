// Schedules as they are after weeks: six Jobs that the history limits have left, each with its pod, and ten runs in the
// status, which is what the operator itself makes of them: it finds nothing to write.
import { randomUUID } from 'node:crypto'
import { encodeRunSummary } from '../../crds/run-summary.ts'
import { JOB_NAME_LABEL, JOB_UID_LABEL, SLOT_ANNOTATION } from '../../crds/names.ts'
import type { RecentRun } from '../../crds/schedule-status.ts'
import type { KubeClient } from '../../operator/kube/client.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import type { KubeObject, ObjectMeta, OwnerReference } from '../../operator/kube/object.ts'
import {
  JOB_CONTAINER,
  projectCronJob,
  projectJob,
  projectPod,
  projectSchedule,
} from '../../operator/model.ts'
import { NOTHING_LEARNED } from '../../operator/plan/live-reads.ts'
import { childName } from '../../operator/plan/names.ts'
import { plan } from '../../operator/plan/plan.ts'
import { isoTime } from '../../operator/plan/time.ts'
import { inParallel } from './parallel.ts'
import { IMAGE } from './process.ts'

/** As the API server answers. */
type Made = KubeObject & { readonly metadata: ObjectMeta & { readonly resourceVersion: string } }

export const JOBS = 6
const OLDER_RUNS = 4
const DAY = 86_400_000

export async function addHistories(client: KubeClient, namespace: string): Promise<void> {
  const { items: schedules } = await client.list<Made>(RESOURCES.schedules, { namespace, timeout: 60_000 })
  const { items } = await client.list<Made>(RESOURCES.cronJobs, { namespace, timeout: 60_000 })
  const cronJobs = new Map(items.map((cronJob) => [cronJob.metadata.name, cronJob]))
  await inParallel('schedules with history', schedules, async (schedule) => {
    const cronJob = cronJobs.get(childName(schedule.metadata.name))
    if (cronJob === undefined) throw new Error(`${schedule.metadata.name} has no CronJob`)
    await addHistory(client, schedule, cronJob)
  })
}

/** Throws if anybody has removed or added any since. */
export async function checkHistories(
  client: KubeClient,
  namespace: string,
  schedules: number,
): Promise<void> {
  for (const resource of [RESOURCES.jobs, RESOURCES.pods]) {
    const { items, metadata } = await client.list(resource, { namespace, query: { limit: 1 } })
    const { remainingItemCount = 0 } = metadata as { remainingItemCount?: number }
    const found = items.length + remainingItemCount
    if (found !== schedules * JOBS)
      throw new Error(`${found} ${resource.plural} of ${schedules * JOBS} are there`)
  }
}

async function addHistory(client: KubeClient, schedule: Made, cronJob: Made): Promise<void> {
  const now = Date.now()
  const runs: { readonly job: KubeObject; readonly pod: KubeObject }[] = []
  for (let age = 0; age < JOBS; age += 1) {
    const passed = age % 2 === 0
    const made = await createRun(client, cronJob, new Date(now - age * DAY))
    runs.push(await endRun(client, made, passed, new Date(now - age * DAY + 240_000)))
  }
  const older = Array.from({ length: OLDER_RUNS }, (_, index) =>
    olderRun(cronJob.metadata.name, now - (JOBS + index) * DAY),
  )
  const jobs = runs.map(({ job }) => projectJob(job))
  const pods = runs.map(({ pod }) => projectPod(pod))
  const known = projectSchedule({
    ...schedule,
    status: { ...projectSchedule(schedule).status, recentRuns: older },
  })
  const next = plan({
    schedule: known,
    cronJob: projectCronJob(cronJob),
    jobs,
    pods,
    learned: {
      ...NOTHING_LEARNED,
      pods: new Map(jobs.map(({ uid }) => [uid, pods.filter(({ jobUid }) => jobUid === uid)])),
    },
    defaults: { image: IMAGE },
    now,
    plannedAt: now,
  })
  if (next.kind !== 'settled') throw new Error(`${schedule.metadata.name}: not settled but ${next.kind}`)
  await client.replaceStatus(RESOURCES.schedules, { ...schedule, status: next.status })
}

export type Run = { readonly job: Made; readonly pod: Made }

/** A Job as the CronJob controller makes it for a slot, and its pod. */
export async function createRun(client: KubeClient, cronJob: KubeObject, slot: Date): Promise<Run> {
  const { namespace, name, uid = '' } = cronJob.metadata
  const { jobTemplate } = cronJob['spec'] as { jobTemplate: Pick<KubeObject, 'metadata'> & { spec: object } }
  const { labels = {}, annotations = {} } = jobTemplate.metadata
  const job = await client.create(RESOURCES.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace,
      name: `${name}-${Math.floor(slot.getTime() / 60_000)}`,
      labels,
      annotations: { ...annotations, [SLOT_ANNOTATION]: isoTime(slot) },
      ownerReferences: [owner('CronJob', name, uid)],
    },
    spec: jobTemplate.spec,
  })
  return { job: job as Made, pod: await createPod(client, job) }
}

async function createPod(client: KubeClient, { metadata, ...job }: KubeObject): Promise<Made> {
  const { namespace, name, uid = '' } = metadata
  const { template } = job['spec'] as { template: Pick<KubeObject, 'metadata'> & { spec: object } }
  const pod = await client.create(RESOURCES.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: `${name}-${uid.slice(0, 5)}`,
      labels: { ...template.metadata.labels, [JOB_UID_LABEL]: uid, [JOB_NAME_LABEL]: name },
      ownerReferences: [owner('Job', name, uid)],
    },
    spec: template.spec,
  })
  return pod as Made
}

/** First the pod, with the run's words, then the Job, as it happens on a node. */
export async function endRun(
  client: KubeClient,
  { job, pod }: Run,
  passed: boolean,
  end: Date,
): Promise<Run> {
  return {
    pod: await client.replaceStatus(RESOURCES.pods, { ...pod, status: podStatus(job, passed, end) }),
    job: await client.replaceStatus(RESOURCES.jobs, { ...job, status: jobStatus(passed, end) }),
  }
}

function podStatus({ metadata }: KubeObject, passed: boolean, end: Date): object {
  const [startedAt, finishedAt] = [isoTime(end.getTime() - 180_000), isoTime(end)]
  const terminated = {
    exitCode: passed ? 0 : 1,
    reason: passed ? 'Completed' : 'Error',
    startedAt,
    finishedAt,
    message: summary(metadata.uid ?? '', passed, startedAt, finishedAt),
  }
  return {
    phase: passed ? 'Succeeded' : 'Failed',
    startTime: startedAt,
    conditions: ['PodScheduled', 'Initialized'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: startedAt,
    })),
    containerStatuses: [
      {
        name: JOB_CONTAINER,
        image: IMAGE,
        imageID: '',
        ready: false,
        started: false,
        restartCount: 0,
        state: { terminated },
      },
    ],
  }
}

/** The API server checks that an end is announced before it is declared. */
function jobStatus(passed: boolean, end: Date): object {
  const at = isoTime(end)
  const words = passed
    ? { reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
  const types = passed ? ['SuccessCriteriaMet', 'Complete'] : ['FailureTarget', 'Failed']
  return {
    startTime: isoTime(end.getTime() - 200_000),
    conditions: types.map((type) => ({
      type,
      status: 'True',
      ...words,
      lastProbeTime: at,
      lastTransitionTime: at,
    })),
    ...(passed ? { succeeded: 1, completionTime: at } : { failed: 1 }),
    ready: 0,
    terminating: 0,
    uncountedTerminatedPods: {},
  }
}

function summary(runKey: string, passed: boolean, startedAt: string, finishedAt: string): string {
  const [controls, systems] = [1_007, 100]
  return encodeRunSummary({
    version: 1,
    runKey,
    runId: 4_711,
    environment: 'production',
    final: true,
    status: passed ? 'success' : 'failed',
    verdict: passed ? 'Passed' : 'Errored',
    reason: passed ? 'AllControlsPassed' : 'DatabaseUnavailable',
    message: passed
      ? 'all results of 100 systems pass'
      : 'the connection to the database was lost, and could not be made again within five minutes',
    startedAt,
    finishedAt,
    counts: {
      systems,
      controls,
      results: passed ? systems * controls : 0,
      pass: passed ? systems * controls : 0,
      notPass: 0,
      fail: 0,
      insufficientEvidence: 0,
      unknown: 0,
      errors: 0,
    },
  })
}

/** One whose Job is gone. */
function olderRun(cronJob: string, slot: number): RecentRun {
  return {
    jobUID: randomUUID(),
    job: `${cronJob}-${Math.floor(slot / 60_000)}`,
    trigger: 'Schedule',
    scheduledTime: isoTime(slot),
    runId: '4700',
    startTime: isoTime(slot + 1_000),
    completionTime: isoTime(slot + 240_000),
    verdict: 'Passed',
    reason: 'AllControlsPassed',
    pass: 100_700,
    notPass: 0,
  }
}

function owner(kind: 'CronJob' | 'Job', name: string, uid: string): OwnerReference {
  return { apiVersion: 'batch/v1', kind, name, uid, controller: true, blockOwnerDeletion: true }
}
