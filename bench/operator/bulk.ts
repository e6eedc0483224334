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

/** Times of a bulk, in ms. */
export type BulkRound = {
  readonly operator: number
  /** The time until the last schedule was posted; after that only the operator is active. */
  readonly applied: number
  readonly bare: number
  /** The schedules alone, without an operator. With `bare` it is the API server's time for both kinds of objects. */
  readonly schedules: number
}

export type BulkNamespaces = { readonly operator: string; readonly bare: string }

/** Creates the same CronJobs by the running operator and by bare requests. The operator's objects are kept. */
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
 * The time at which the last of `count` objects was created, in ms since the epoch. It comes from the audit log: a watch
 * would add work for the API server and for this process, which the bare client does not have.
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

/** Times Kubernetes' own controllers for a comparable bulk, for information. */
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
