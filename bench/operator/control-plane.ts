import { setTimeout as sleep } from 'node:timers/promises'
import { KubeClient } from '../../operator/kube/client.ts'
import { PooledConfig } from '../../operator/kube/connection.ts'
import type { Resource } from '../../operator/kube/object.ts'
import { OPERATOR, operatorKubeconfig } from '../../scripts/control-plane/access.ts'
import { connect } from '../../scripts/control-plane/client.ts'
import { startCluster } from '../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { bundleOperator } from './program.ts'
import { cpuOf } from './usage.ts'

export type ControlPlane = {
  readonly cluster: Cluster
  /** The path of the operator as one file, as in its image: from the sources it uses 70 MB more. */
  readonly program: string
  /** The operator's client (pooled connections, plain JSON) with the administrator's account. */
  readonly client: KubeClient
  /** The same client with the operator's account, for which the API server checks permissions and may queue requests. */
  readonly asOperator: KubeClient
  /** The operator's writes since that position of the audit log, without its Lease. */
  operatorWrites(since: number): Promise<{ readonly objects: number; readonly events: number }>
  /** Resolves after a time without writes, when the servers are idle. */
  quiet(): Promise<void>
  removeAll(resource: Resource, namespace: string): Promise<void>
  stop(): Promise<void>
}

const QUIET_MS = 2_000
const SERVERS = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const
/**
 * The share of a core below which the three servers together count as idle; at rest they use a twentieth. After the last
 * write, a garbage collector that reads thousands of new objects, or an API server that serves a late watch, uses a full
 * core for a minute.
 */
const AT_REST = 0.2

export async function startControlPlane(): Promise<ControlPlane> {
  const cluster = await startCluster({
    flags: {
      'kube-apiserver': { 'delete-collection-workers': '16' },
      'kube-controller-manager': {
        'kube-api-qps': '1000',
        'kube-api-burst': '2000',
        // At each change this controller lists all Jobs of the namespace for each CronJob. With thousands of each it is
        // busy for a quarter of an hour, although all are suspended.
        controllers: '*,-cronjob-controller',
        // By default this controller deletes finished pods beyond 12,500.
        'terminated-pod-gc-threshold': '0',
      },
    },
  })
  const admin = clientFor(cluster.kubeconfig())
  const operator = clientFor(operatorKubeconfig(cluster.access))
  await installCrd(connect(cluster.kubeconfig()))

  const writes = async (since: number, user?: string) =>
    (await cluster.writes({ since, ...(user === undefined ? {} : { user }) })).filter(
      ({ resource }) => resource !== 'leases',
    )
  const used = (): number => SERVERS.reduce((sum, server) => sum + cpuOf(cluster.pidOf(server)), 0)
  return {
    cluster,
    program: await bundleOperator(cluster.directory),
    client: admin.client,
    asOperator: operator.client,
    operatorWrites: async (since) => {
      const all = await writes(since, OPERATOR)
      const events = all.filter(({ resource }) => resource === 'events').length
      return { objects: all.length - events, events }
    },
    quiet: async () => {
      let since, before
      do {
        since = cluster.auditPosition()
        before = used()
        await sleep(QUIET_MS)
      } while (used() - before > AT_REST * QUIET_MS || (await writes(since)).length > 0)
    },
    removeAll: (resource, namespace) => admin.client.remove(resource, { namespace }, { timeout: 300_000 }),
    stop: async () => {
      await Promise.all([admin.config.destroy(), operator.config.destroy()])
      await cluster.stop()
    },
  }
}

function clientFor(kubeconfig: string): { readonly config: PooledConfig; readonly client: KubeClient } {
  const config = new PooledConfig()
  config.loadFromString(kubeconfig)
  return { config, client: new KubeClient(config, { fieldManager: 'bench' }) }
}
