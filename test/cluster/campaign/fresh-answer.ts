// The result of a new operator for a new schedule with the same spec: the expected value for one with a history.
import { ApiException } from '@kubernetes/client-node'
import type { Condition } from '../../../crds/validation-schedule.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { projectSchedule } from '../../../operator/cache/projections.ts'
import { cronJob as desiredCronJob } from '../../../operator/plan/cron-job/cron-job.ts'
import { childName } from '../../../operator/values/names.ts'
import type { TestNamespace } from '../namespace.ts'
import { IMAGE, startOperator } from '../run-operator.ts'
import type { CronJob, Schedule, Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'
import { LIMIT_FLAGS } from './spec-model.ts'
import type { Spec } from './spec-model.ts'

export type Answer = {
  /** The spec of the CronJob, if there is one. */
  readonly spec: string | undefined
  readonly conditions: readonly string[]
}

/**
 * Returns what the API server would store, with its defaults, or its error (dry run). `elsewhere` has no CronJob of that
 * name. The Job is checked as well, because a CronJob may be valid although its Job is not.
 */
export async function dryRun(
  elsewhere: TestNamespace,
  schedule: Schedule,
): Promise<{ readonly spec: unknown } | { readonly error: string }> {
  const { apiVersion, kind, metadata, spec } = desiredCronJob(projectSchedule(schedule), { image: IMAGE })
  const { jobTemplate } = spec as { jobTemplate: { metadata: object; spec: object } }
  const at = { namespace: elsewhere.name, name: metadata.name }
  const wouldStore = async (plural: string, body: object): Promise<CronJob> =>
    (await elsewhere.admin.custom.createNamespacedCustomObject({
      group: 'batch',
      version: 'v1',
      plural,
      namespace: elsewhere.name,
      body: { apiVersion, ...body },
      dryRun: 'All',
      fieldValidation: 'Strict',
    })) as CronJob
  try {
    const stored = await wouldStore('cronjobs', { kind, metadata: { ...metadata, ...at }, spec })
    await wouldStore('jobs', { kind: 'Job', ...jobTemplate, metadata: { ...jobTemplate.metadata, ...at } })
    return { spec: stored.spec }
  } catch (error) {
    if (!(error instanceof ApiException)) throw error
    return { error: (JSON.parse(String(error.body)) as { message: string }).message }
  }
}

/** Returns the result of a new operator for a new schedule of the same name. */
export async function freshAnswer(
  elsewhere: TestNamespace,
  schedules: Schedules,
  name: string,
  spec: Spec,
): Promise<Answer> {
  const { metadata } = await schedules.create(name, spec)
  const stop = startOperator({ cluster: elsewhere.cluster, namespace: elsewhere.name, flags: LIMIT_FLAGS })
  const { client } = schedules
  const at = { namespace: elsewhere.name, name: childName(name) }
  try {
    const { conditions } = await schedules.status(
      name,
      'evaluated by a new operator',
      ({ observedGeneration }) => observedGeneration === metadata.generation,
    )
    return answer(await schedules.find<CronJob>(RESOURCES.cronJobs, at.name), metadata.uid, conditions)
  } finally {
    await stop()
    if ((await schedules.find(RESOURCES.cronJobs, at.name)) !== undefined) {
      await client.remove(RESOURCES.cronJobs, at)
    }
    await schedules.remove(name)
    await until('the end of it', async () =>
      (await schedules.find(RESOURCES.schedules, name)) === undefined ? true : undefined,
    )
  }
}

/** Removes what differs between any two schedules: UIDs and history. */
export function answer(
  cronJob: CronJob | undefined,
  uid = '',
  conditions: readonly Condition[] = [],
): Answer {
  return {
    spec: cronJob && JSON.stringify(sorted(cronJob.spec)).replaceAll(uid, 'UID'),
    conditions: conditions
      .slice(0, 3)
      .map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`),
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  )
}
