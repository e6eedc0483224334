import { randomUUID } from 'node:crypto'
import { RESOURCES } from '../../operator/kube/object.ts'
import { projectSchedule } from '../../operator/model.ts'
import { cronJob } from '../../operator/plan/cron-job.ts'
import { startControlPlane } from './control-plane.ts'
import type { ControlPlane } from './control-plane.ts'
import { inParallel } from './parallel.ts'
import { IMAGE } from './process.ts'
import { scheduleBody, scheduleNames } from './schedules.ts'
import { added, watchFor } from './sightings.ts'

/** ms; `applied`: until the last schedule was posted, after which only the operator has anything to do. */
export type BulkRound = { readonly operator: number; readonly applied: number; readonly bare: number }

export type BulkNamespaces = { readonly operator: string; readonly bare: string }

/** The same CronJobs by the operator, which is running, and by nothing but their requests. What the operator made stays. */
export async function bulkRound(
  plane: ControlPlane,
  { operator, bare }: BulkNamespaces,
  count: number,
): Promise<BulkRound> {
  const { client } = plane
  const names = scheduleNames(count)
  const bareTime = await postCronJobs(plane, bare, names)
  await plane.removeAll(RESOURCES.cronJobs, bare)

  await plane.removeAll(RESOURCES.schedules, operator)
  await plane.removeAll(RESOURCES.cronJobs, operator)
  await plane.quiet()
  const sightings = await watchFor(client, RESOURCES.cronJobs, operator)
  const made = sightings.first(added(count))
  const begin = performance.now()
  await inParallel('schedules', names, (name) =>
    client.create(RESOURCES.schedules, scheduleBody(operator, name)),
  )
  const applied = performance.now() - begin
  const operatorTime = (await made) - begin
  sightings.end()
  await plane.quiet()
  return { operator: operatorTime, applied, bare: bareTime }
}

/** The floor: the very same bodies, with the same concurrency. */
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
  await inParallel('CronJobs', bodies, (body) => client.create(RESOURCES.cronJobs, body))
  return performance.now() - begin
}

const DEPLOYMENTS = { group: 'apps', version: 'v1', plural: 'deployments' }
const REPLICA_SETS = { group: 'apps', version: 'v1', plural: 'replicasets' }

/** For information: what Kubernetes' own controllers take from a bulk of one kind to a bulk of another. */
export async function deploymentsRound(count: number): Promise<number> {
  const plane = await startControlPlane()
  try {
    const { client, cluster } = plane
    const namespace = await cluster.createNamespace('deployments')
    await plane.quiet()
    const made = (await watchFor(client, REPLICA_SETS, namespace)).first(added(count))
    const begin = performance.now()
    await inParallel('Deployments', scheduleNames(count), (name) =>
      client.create(DEPLOYMENTS, deploymentBody(namespace, name)),
    )
    return (await made) - begin
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
