import { randomUUID } from 'node:crypto'
import { RESOURCES } from '../../operator/kube/object.ts'
import { projectSchedule } from '../../operator/cache/projections.ts'
import { cronJob } from '../../operator/plan/cron-job/cron-job.ts'
import type { AuditFilter } from '../../scripts/control-plane/audit-log.ts'
import { startControlPlane } from './control-plane.ts'
import type { ControlPlane } from './control-plane.ts'
import { inParallel } from './parallel.ts'
import { IMAGE } from './process.ts'
import { scheduleBody, scheduleNames } from './schedules.ts'

/** ms */
export type BulkRound = {
  readonly operator: number
  /** Until the last schedule was posted, after which only the operator has anything to do. */
  readonly applied: number
  readonly bare: number
  /** The schedules alone, where no operator looks: with `bare`, what the API server takes for both kinds of objects. */
  readonly schedules: number
}

export type BulkNamespaces = { readonly operator: string; readonly bare: string }

/** The same CronJobs by the operator, which is running, and by nothing but their requests. What the operator made stays. */
export async function bulkRound(
  plane: ControlPlane,
  { operator, bare }: BulkNamespaces,
  count: number,
): Promise<BulkRound> {
  const { cluster } = plane
  const names = scheduleNames(count)
  const bareTime = await postCronJobs(plane, bare, names)
  await plane.removeAll(RESOURCES.cronJobs, bare)
  await plane.quiet()
  const schedules = await postSchedules(plane, bare, names)
  await plane.removeAll(RESOURCES.schedules, bare)

  await plane.removeAll(RESOURCES.schedules, operator)
  await plane.removeAll(RESOURCES.cronJobs, operator)
  await plane.quiet()
  const since = cluster.auditPosition()
  const begin = Date.now()
  const applied = await postSchedules(plane, operator, names)
  const made = await lastMade(
    plane,
    { resource: RESOURCES.cronJobs.plural, namespace: operator, since },
    count,
  )
  return { operator: made - begin, applied, bare: bareTime, schedules }
}

async function postSchedules(
  { client }: ControlPlane,
  namespace: string,
  names: readonly string[],
): Promise<number> {
  const begin = performance.now()
  await inParallel('schedules', names, (name) =>
    client.create(RESOURCES.schedules, scheduleBody(namespace, name)),
  )
  return performance.now() - begin
}

/**
 * When the last of so many was made, in ms since the epoch. By the audit log, which is written anyway: a watch would have
 * the API server and this process send and read each of them once more, which nobody does beside the bare client.
 */
async function lastMade(
  plane: ControlPlane,
  filter: Required<Pick<AuditFilter, 'resource' | 'namespace' | 'since'>>,
  count: number,
): Promise<number> {
  await plane.quiet()
  const made = await plane.cluster.writes({ ...filter, verb: 'create', code: 201 })
  if (made.length !== count) throw new Error(`${made.length} ${filter.resource} of ${count} were made`)
  return Math.max(...made.map(({ answeredAt }) => answeredAt?.getTime() ?? NaN))
}

/** The baseline: the same bodies, with the same concurrency, from the same account. */
async function postCronJobs(
  plane: ControlPlane,
  namespace: string,
  names: readonly string[],
): Promise<number> {
  const { client } = plane
  const [first = ''] = names
  const sample = projectSchedule(await client.create(RESOURCES.schedules, scheduleBody(namespace, first)))
  await client.remove(RESOURCES.schedules, { namespace, name: first })
  const bodies = names.map((name) => cronJob({ ...sample, name, uid: randomUUID() }, { image: IMAGE }))
  await plane.quiet()
  const begin = performance.now()
  await inParallel('CronJobs', bodies, (body) => plane.asOperator.create(RESOURCES.cronJobs, body))
  return performance.now() - begin
}

const DEPLOYMENTS = { group: 'apps', version: 'v1', plural: 'deployments' }

/** For information: what Kubernetes' own controllers take from a bulk of one kind to a bulk of another. */
export async function deploymentsRound(count: number): Promise<number> {
  const plane = await startControlPlane()
  try {
    const { client, cluster } = plane
    const namespace = await cluster.createNamespace('deployments')
    await plane.quiet()
    const since = cluster.auditPosition()
    const begin = Date.now()
    await inParallel('Deployments', scheduleNames(count), (name) =>
      client.create(DEPLOYMENTS, deploymentBody(namespace, name)),
    )
    return (await lastMade(plane, { resource: 'replicasets', namespace, since }, count)) - begin
  } finally {
    await plane.stop()
  }
}

function deploymentBody(namespace: string, name: string) {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: IMAGE }] } },
    },
  }
}
