// Schedules as they are after weeks: six Jobs within the history limits, each with its pod, and ten runs in the status.
// The operator's own plan makes the status, so that the operator has nothing to write.
import { randomUUID } from 'node:crypto'
import { encodeRunSummary } from '../../crds/run-summary.ts'
import { JOB_NAME_LABEL, JOB_UID_LABEL, SLOT_ANNOTATION } from '../../crds/names.ts'
import type { RecentRun } from '../../crds/schedule-status.ts'
import type { KubeClient } from '../../operator/kube/client.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import type { KubeObject, ObjectMeta, OwnerReference, Resource } from '../../operator/kube/object.ts'
import {
  JOB_CONTAINER,
  projectCronJob,
  projectJob,
  projectPod,
  projectSchedule,
} from '../../operator/cache/projections.ts'
import { NOTHING_OBSERVED } from '../../operator/plan/inputs/live-reads.ts'
import { childName } from '../../operator/values/names.ts'
import { plan } from '../../operator/plan/plan.ts'
import { isoTime } from '../../common/iso-time.ts'
import type { ControlPlane } from './control-plane.ts'
import { inParallel } from './parallel.ts'
import { IMAGE } from './process.ts'

/** An object as the API server returns it. */
type Made = KubeObject & { readonly metadata: ObjectMeta & { readonly resourceVersion: string } }

export const JOBS = 6
const OLDER_RUNS = 4
const DAY = 86_400_000
const RUN_MS = 240_000

/**
 * Creates one history through the API, and writes copies with other names and UIDs to etcd: 25 requests for each of
 * thousands of schedules would take ten minutes.
 */
export async function addHistories({ client, cluster }: ControlPlane, namespace: string): Promise<void> {
  const owners = await ownersIn(client, namespace)
  const [sample] = owners
  if (sample === undefined) return
  const runs = await createHistory(client, sample)
  await inParallel('schedules with history', owners, async (owner) => {
    const own = owner === sample ? runs : runs.map((run) => copyOf(run, sample, owner))
    if (owner !== sample) await cluster.putIntoEtcd(new Map(own.flatMap(stored)))
    await writeStatus(client, owner, own)
  })
}

/** A schedule, and the objects that are created from its template. */
type Owner = { readonly schedule: Made; readonly cronJob: Made }

async function ownersIn(client: KubeClient, namespace: string): Promise<Owner[]> {
  const list = async (resource: Resource): Promise<readonly Made[]> =>
    (await client.list<Made>(resource, { namespace, timeout: 60_000 })).items
  const cronJobs = new Map(
    (await list(RESOURCES.cronJobs)).map((cronJob) => [cronJob.metadata.name, cronJob]),
  )
  return (await list(RESOURCES.schedules)).map((schedule) => {
    const cronJob = cronJobs.get(childName(schedule.metadata.name))
    if (cronJob === undefined) throw new Error(`${schedule.metadata.name} has no CronJob`)
    return { schedule, cronJob }
  })
}

async function createHistory(client: KubeClient, { cronJob }: Owner): Promise<Run[]> {
  const now = Date.now()
  const runs: Run[] = []
  for (let age = 0; age < JOBS; age += 1) {
    const slot = now - age * DAY
    const made = await createRun(client, cronJob, new Date(slot))
    runs.push(await endRun(client, made, age % 2 === 0, new Date(slot + RUN_MS)))
  }
  return runs
}

/** Copies a run, with the names and UIDs in labels, selectors, references and the summary. */
function copyOf({ job, pod }: Run, from: Owner, to: Owner): Run {
  // The CronJob's name begins with that of the schedule, and the Job's with that of the CronJob.
  const pairs = [
    [from.cronJob.metadata.name, to.cronJob.metadata.name],
    [from.schedule.metadata.name, to.schedule.metadata.name],
    [from.cronJob.metadata.uid, to.cronJob.metadata.uid],
    [from.schedule.metadata.uid, to.schedule.metadata.uid],
    [job.metadata.uid, randomUUID()],
    [pod.metadata.uid, randomUUID()],
  ] as const
  const copy = (object: Made): Made =>
    JSON.parse(
      pairs.reduce((text, [old = '', own = '']) => text.replaceAll(old, own), JSON.stringify(object)),
    ) as Made
  return { job: copy(job), pod: copy(pod) }
}

/** The object as stored in etcd, where the resource version is not part of it. */
function stored({ job, pod }: Run): [key: string, object: string][] {
  return Object.entries({ jobs: job, pods: pod }).map(([plural, object]) => {
    const { namespace, name } = object.metadata
    const value = { ...object, metadata: { ...object.metadata, resourceVersion: undefined } }
    return [`/registry/${plural}/${namespace}/${name}`, JSON.stringify(value)]
  })
}

/** Writes the operator's status for these runs, and for four runs whose Jobs are gone. */
async function writeStatus(
  client: KubeClient,
  { schedule, cronJob }: Owner,
  runs: readonly Run[],
): Promise<void> {
  const now = Date.now()
  const pods = new Map(runs.map(({ job, pod }) => [job.metadata.uid ?? '', [projectPod(pod)]]))
  const recentRuns = Array.from({ length: OLDER_RUNS }, (_, index) =>
    olderRun(cronJob.metadata.name, now - (JOBS + index) * DAY),
  )
  const { status, ...known } = projectSchedule(schedule)
  const next = plan({
    schedule: { ...known, status: { ...status, recentRuns } },
    cronJob: projectCronJob(cronJob),
    written: status.cronJob,
    ofCronJob: [],
    jobs: runs.map(({ job }) => projectJob(job)),
    pods: [...pods.values()].flat(),
    observed: { ...NOTHING_OBSERVED, pods },
    defaults: { image: IMAGE },
    now,
    plannedAt: now,
  })
  if (next.kind !== 'settled') throw new Error(`${known.name}: not settled but ${next.kind}`)
  await client.replaceStatus(RESOURCES.schedules, { ...schedule, status: next.status })
}

/** Throws if objects were added or removed since then. */
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
    // Without this, the Job controller would run it.
    spec: { ...jobTemplate.spec, managedBy: 'rapidrmf.io/bench' },
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

/** Ends the pod with the run's summary, then the Job, in the same order as on a node. */
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

/** The status of a finished Job, with the earlier condition that the API server requires before the final one. */
function jobStatus(passed: boolean, end: Date): object {
  const at = isoTime(end)
  const outcome = passed
    ? { reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
  const types = passed ? ['SuccessCriteriaMet', 'Complete'] : ['FailureTarget', 'Failed']
  return {
    startTime: isoTime(end.getTime() - 200_000),
    conditions: types.map((type) => ({
      type,
      status: 'True',
      ...outcome,
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

/** A run whose Job is deleted. */
function olderRun(cronJob: string, slot: number): RecentRun {
  return {
    jobUID: randomUUID(),
    job: `${cronJob}-${Math.floor(slot / 60_000)}`,
    trigger: 'Schedule',
    scheduledTime: isoTime(slot),
    runId: '4700',
    startTime: isoTime(slot + 1_000),
    completionTime: isoTime(slot + RUN_MS),
    verdict: 'Passed',
    reason: 'AllControlsPassed',
    pass: 100_700,
    notPass: 0,
  }
}

function owner(kind: 'CronJob' | 'Job', name: string, uid: string): OwnerReference {
  return { apiVersion: 'batch/v1', kind, name, uid, controller: true, blockOwnerDeletion: true }
}
