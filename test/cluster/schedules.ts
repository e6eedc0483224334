// Actions of a person on the schedules of a namespace, and reads of their state, for the operator's tests.
import { encodeRunSummary } from '../../crds/run-summary.ts'
import type { RunSummary } from '../../crds/run-summary.ts'
import type { Condition, ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { KubeClient, JsonPatch } from '../../operator/kube/client.ts'
import { failureOf } from '../../operator/kube/errors.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import type { KubeObject, Resource } from '../../operator/kube/object.ts'
import { childName } from '../../operator/values/names.ts'
import { ALL_PASS } from '../support/all-pass.ts'
import { kubeconfig, OPERATOR } from '../../scripts/control-plane/access.ts'
import { auditedWrites } from '../../scripts/control-plane/audit-log.ts'
import type { AuditedWrite } from '../../scripts/control-plane/audit-log.ts'
import { kubeClient } from './kube-client.ts'
import type { TestNamespace } from './namespace.ts'
import { until } from '../../scripts/control-plane/until.ts'
import type { UntilOptions } from '../../scripts/control-plane/until.ts'

export type Schedule = KubeObject & {
  readonly spec: Record<string, unknown>
  readonly status?: ValidationScheduleStatus
}
export type CronJob = KubeObject & { readonly spec: Record<string, unknown> }
type Holds = (status: ValidationScheduleStatus) => boolean

export type Schedules = {
  /** A field manager other than the operator's, so that fields set by tests are not taken for the operator's. */
  readonly client: KubeClient
  /** Creates a schedule of `0 2 * * *`, with the changes in `spec`. */
  create(name: string, spec?: object, metadata?: object): Promise<Schedule>
  read(name: string): Promise<Schedule>
  /** Returns undefined if there is none. */
  find<T extends KubeObject>(resource: Resource, name: string): Promise<T | undefined>
  /** Returns the CronJob of a schedule. */
  cronJobOf(name: string): Promise<CronJob>
  jobsOf(name: string): Promise<KubeObject[]>
  /** Waits for a status that satisfies the predicate; the error after the timeout shows the status. */
  status(name: string, what: string, holds: Holds, options?: UntilOptions): Promise<ValidationScheduleStatus>
  /** Changes a schedule; retries conflicts with other writers. */
  patch(name: string, operations: JsonPatch): Promise<void>
  patchCronJob(name: string, operations: JsonPatch): Promise<void>
  /** Returns the Job by its name. */
  patchJob(job: string, operations: JsonPatch): Promise<void>
  /** Sets the annotation that requests a run. */
  request(name: string, token: string): Promise<void>
  /** Requests a run and waits for the acknowledgement. */
  runNow(name: string, token: string): Promise<{ readonly job: string; readonly uid: string }>
  remove(name: string, propagation?: 'Background' | 'Foreground' | 'Orphan'): Promise<void>
  /** Returns the operator's writes since a position of the audit log, without Lease and events: `update cronjobs x-1a2b`. */
  writes(since: number, name?: string): Promise<string[]>
  /** Returns the successful ones of these writes. */
  effects(since: number, name?: string): Promise<string[]>
  /** Returns the sorted reasons of the events of a schedule. */
  eventsOf(name: string): Promise<string[]>
}

export function schedulesIn(here: TestNamespace): Schedules {
  const client = kubeClient(kubeconfig(here.cluster), { fieldManager: 'a-person' })
  const at = (name: string) => ({ namespace: here.name, name })
  const read = (name: string) => client.get<Schedule>(RESOURCES.schedules, at(name))
  const find = <T extends KubeObject>(resource: Resource, name: string): Promise<T | undefined> =>
    // A namespace is not namespaced: under the path of a namespace there are none, and all would seem to be deleted.
    client
      .get<T>(resource, resource === RESOURCES.namespaces ? { name } : at(name))
      .catch((error: unknown) => {
        if (failureOf(error).kind !== 'notFound') throw error
        return undefined
      })
  const list = async (resource: Resource, query: Record<string, string>): Promise<KubeObject[]> =>
    (await client.list(resource, { namespace: here.name, query })).items as KubeObject[]
  const uidOf = async (name: string): Promise<string> => (await read(name)).metadata.uid ?? ''

  const status: Schedules['status'] = (name, what, holds, options) => {
    let last: ValidationScheduleStatus = {}
    return until(
      `${name}: ${what}`,
      async () => {
        last = (await read(name)).status ?? {}
        return holds(last) ? last : undefined
      },
      options,
    ).catch((error: unknown) => {
      throw new Error(`${name}: not ${what}; the status is ${JSON.stringify(last, null, 2)}`, {
        cause: error,
      })
    })
  }

  const patchAt = async (resource: Resource, name: string, operations: JsonPatch): Promise<void> => {
    await until(`${name}: changed`, async () => {
      const { metadata } = await client.get(resource, at(name))
      const { resourceVersion = '' } = metadata
      return client.patch(resource, { ...at(name), resourceVersion }, operations).catch((error: unknown) => {
        if (failureOf(error).kind !== 'conflict') throw error
        return undefined
      })
    })
  }

  const writes = async (
    since: number,
    prefix = '',
    counts: (write: AuditedWrite) => boolean = () => true,
  ): Promise<string[]> => {
    const filter = { since, namespace: here.name, user: OPERATOR }
    return (await auditedWrites(here.cluster.auditLog, filter))
      .filter(({ resource }) => resource !== 'leases' && resource !== 'events')
      .filter((write) => write.name?.startsWith(prefix) && counts(write))
      .map(({ verb, resource, subresource, name }) =>
        [verb, resource, subresource, name].filter(Boolean).join(' '),
      )
  }

  const request = (name: string, token: string): Promise<void> =>
    patchAt(RESOURCES.schedules, name, [
      { op: 'add', path: '/metadata/annotations', value: { 'rapidrmf.io/run-requested-at': token } },
    ])

  return {
    client,
    read,
    find,
    status,
    request,
    create: (name, spec = {}, metadata = {}) =>
      client.create<Schedule>(RESOURCES.schedules, {
        apiVersion: 'rapidrmf.io/v1alpha1',
        kind: 'ValidationSchedule',
        metadata: { ...at(name), ...metadata },
        spec: {
          environment: 'production',
          schedule: '0 2 * * *',
          config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
          ...spec,
        },
      }),
    cronJobOf: (name) => client.get<CronJob>(RESOURCES.cronJobs, at(childName(name))),
    jobsOf: async (name) =>
      list(RESOURCES.jobs, { labelSelector: `rapidrmf.io/schedule-uid=${await uidOf(name)}` }),
    patch: (name, operations) => patchAt(RESOURCES.schedules, name, operations),
    patchCronJob: (name, operations) => patchAt(RESOURCES.cronJobs, childName(name), operations),
    patchJob: (job, operations) => patchAt(RESOURCES.jobs, job, operations),
    runNow: async (name, token) => {
      await request(name, token)
      const { active = [] } = await status(
        name,
        `acknowledging the request ${token}`,
        ({ lastHandledRunRequest }) => lastHandledRunRequest === token,
      )
      const { job = '', jobUID: uid = '' } = active[0] ?? {}
      return { job, uid }
    },
    remove: async (name, propagation = 'Background') => {
      await client.remove(RESOURCES.schedules, at(name), { propagation })
    },
    writes,
    effects: (since, name) => writes(since, name, ({ code }) => code < 300),
    eventsOf: async (name) => {
      const events = await list(RESOURCES.events, { fieldSelector: `regarding.uid=${await uidOf(name)}` })
      return events.map(({ reason }) => String(reason)).sort()
    },
  }
}

/** Returns a predicate for `status`. */
export function is(type: string, value: 'True' | 'False' | 'Unknown', reason?: string): Holds {
  return (status) => {
    const found = conditionOf(status, type)
    return found?.status === value && (reason === undefined || found.reason === reason)
  }
}

export function conditionOf(status: ValidationScheduleStatus, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type)
}

/** The termination message of a run in which everything passed, with the changes in `more`. */
export function summaryText(runKey: string, more: Partial<RunSummary> = {}): string {
  return encodeRunSummary({
    version: 1,
    runKey,
    runId: 7,
    environment: 'production',
    final: true,
    status: 'success',
    verdict: 'Passed',
    reason: 'AllControlsPassed',
    message: 'all 12 results pass',
    startedAt: null,
    finishedAt: null,
    counts: ALL_PASS,
    ...more,
  })
}
