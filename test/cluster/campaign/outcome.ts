// The final state of a namespace, and the writes and events that led to it, without what differs between namespaces.
import type { Resource } from '../../../operator/kube/object.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import type { KubeObject } from '../../../operator/kube/object.ts'
import { OPERATOR } from '../../../scripts/control-plane/access.ts'
import { auditedWrites } from '../../../scripts/control-plane/audit-log.ts'
import type { TestNamespace } from '../namespace.ts'
import type { Schedules } from '../schedules.ts'
import { FORGED } from './tenant.ts'

export type Outcome = {
  /** The schedules, CronJobs and Jobs. */
  readonly end: readonly string[]
  /** The objects that the operator has created, once for each creation. */
  readonly made: readonly string[]
  /** The reasons of its events, once for each event. */
  readonly reported: readonly string[]
}

const OBJECTS: readonly Resource[] = [RESOURCES.schedules, RESOURCES.cronJobs, RESOURCES.jobs]

export async function outcomeOf(here: TestNamespace, { client }: Schedules, since: number): Promise<Outcome> {
  const lists = await Promise.all(OBJECTS.map((resource) => client.list(resource, { namespace: here.name })))
  const objects = lists
    .flatMap(({ items }) => items)
    .filter(({ metadata }) => !metadata.name.startsWith(FORGED))
  const same = neutral(here.name, objects)
  const events = await client.list(RESOURCES.events, {
    namespace: here.name,
    query: { fieldSelector: 'reportingController=rapidrmf.io/operator' },
  })
  const filter = { since, namespace: here.name, user: OPERATOR, verb: 'create', code: 201 } as const
  const made = await auditedWrites(here.cluster.auditLog, filter)
  return {
    end: objects.map((object) => same(JSON.stringify(essence(object), null, 1))).sort(),
    made: made
      .filter(({ resource }) => resource !== 'leases' && resource !== 'events')
      .map(({ resource, name = '' }) => same(`${resource} ${name}`))
      .sort(),
    reported: events.items.map(({ reason }) => String(reason)).sort(),
  }
}

/** Removes the status of CronJobs, which belongs to their controller, and the counters of the API server. */
function essence({ metadata, spec, status }: KubeObject): object {
  const { name, labels, annotations, ownerReferences } = metadata
  const { conditions, ...rest } = (status ?? {}) as { conditions?: readonly { type: string }[] }
  const isSchedule = 'observedGeneration' in rest
  return {
    name,
    labels,
    annotations,
    ownerReferences,
    spec,
    status: isSchedule ? status : conditions?.map(({ type }) => type),
  }
}

const UID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g
/** The Job of a run request is named after the schedule's UID, which is in the CronJob's spec as well. */
const REQUESTED = /-m[0-9a-f]{10}\b/g
/** The spec of a CronJob, which has the schedule's UID in it. */
const SPEC_HASH = /(?<="(?:sent|stored)Hash": ")[0-9a-f]{32}/g
/** A pod, whose name the API server generates. */
const POD = /(?<=-mHASH)-[a-z0-9]{5}\b/g
/** The Job of a slot is named after its minute. */
const SLOT_MINUTE = /(?<=-[0-9a-f]{8})-\d{8}\b/g

/** Replaces UIDs by the names of their objects, so that a reference to the wrong object is visible. */
function neutral(namespace: string, objects: readonly KubeObject[]): (text: string) => string {
  const names = new Map(objects.map(({ metadata }) => [metadata.uid, `UID of ${metadata.name}`]))
  return (text) =>
    text
      .replaceAll(UID, (uid) => names.get(uid) ?? 'UID of nothing that is there')
      .replaceAll(TIME, 'TIME')
      .replaceAll(REQUESTED, '-mHASH')
      .replaceAll(POD, '-POD')
      .replaceAll(SPEC_HASH, 'HASH')
      .replaceAll(SLOT_MINUTE, '-MINUTE')
      .replaceAll(namespace, 'NAMESPACE')
}
