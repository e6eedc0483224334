import { JOB_UID_LABEL } from '../../crds/validation-schedule.ts'
import type { KubeClient } from '../kube/client.ts'
import { failureOf } from '../kube/errors.ts'
import { RESOURCES } from '../kube/object.ts'
import type { KubeObject, Location, Resource } from '../kube/object.ts'
import { projectCronJob, projectJob, projectPod } from '../cache/projections.ts'
import type { ReasonMessage } from '../cache/projections.ts'
import type { Observed, LiveRead } from '../plan/inputs/live-reads.ts'
import { record, text } from '../values/untyped-json.ts'

/** Reads from the API server instead of a cache. A reconcile makes no other live reads for its plan. */
export async function readLive(
  client: Pick<KubeClient, 'get' | 'list'>,
  namespace: string,
  read: LiveRead,
  known: Observed,
): Promise<Observed> {
  switch (read.kind) {
    case 'cronJob': {
      const found = await getOrUndefined(client, RESOURCES.cronJobs, { namespace, name: read.name })
      return { ...known, cronJob: found === undefined ? null : projectCronJob(found) }
    }
    case 'podsOfJob': {
      const query = { labelSelector: `${JOB_UID_LABEL}=${read.uid}` }
      const { items } = await client.list(RESOURCES.pods, { namespace, query })
      // The label only narrows the response: a pod belongs to the Job that controls it.
      const pods = items.map(projectPod).filter(({ jobUid }) => jobUid === read.uid)
      return { ...known, pods: new Map([...known.pods, [read.uid, pods]]) }
    }
    case 'job': {
      const found = await getOrUndefined(client, RESOURCES.jobs, { namespace, name: read.name })
      // A Job of this name with another UID is not the requested one.
      const job = found?.metadata.uid === read.uid ? projectJob(found) : undefined
      return { ...known, jobs: new Map([...known.jobs, [read.uid, job]]) }
    }
    case 'warningsOfJob': {
      const query = { fieldSelector: `regarding.uid=${read.uid},type=Warning`, limit: 50 }
      const { items } = await client.list(RESOURCES.events, { namespace, query })
      return { ...known, warnings: new Map([...known.warnings, [read.uid, warningsIn(items)]]) }
    }
  }
}

/** Reads the object; undefined if it does not exist. */
export async function getOrUndefined(
  client: Pick<KubeClient, 'get'>,
  resource: Resource,
  at: Location,
): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, at)
  } catch (error) {
    if (failureOf(error).kind === 'notFound') return undefined
    throw error
  }
}

/** Warnings of the events, newest first. */
function warningsIn(events: readonly KubeObject[]): ReasonMessage[] {
  return events
    .toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))
    .map(({ reason, note }) => ({ reason: text(reason) ?? '', message: text(note) ?? '' }))
}

function timeOf(event: KubeObject): string {
  const { series, deprecatedLastTimestamp, eventTime, metadata } = event
  const times = [record(series)['lastObservedTime'], deprecatedLastTimestamp, eventTime]
  return times.map(text).find((time) => time !== undefined) ?? metadata.creationTimestamp ?? ''
}
