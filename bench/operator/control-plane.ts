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
  /** The operator of today's sources as one file, as its image has it: from the sources it takes 70 MB more. */
  readonly program: string
  /** The administrator's, with the operator's own client: pooled, plain JSON. */
  readonly client: KubeClient
  /** The same with the operator's account, whose rights the API server looks up, and whose requests it may queue. */
  readonly asOperator: KubeClient
  /** What the operator has written since that position of the audit log, its Lease apart. */
  operatorWrites(since: number): Promise<{ readonly objects: number; readonly events: number }>
  /** Resolves when nothing was written for a while and the servers are idle. */
  quiet(): Promise<void>
  removeAll(resource: Resource, namespace: string): Promise<void>
  stop(): Promise<void>
}

const QUIET_MS = 2_000
const SERVERS = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const
/**
 * Of a core, all three together: at rest they take a twentieth. Without a write a garbage collector that reads thousands of
 * new objects once more, or an API server that tells a client what it has missed, takes one for a minute.
 */
const AT_REST = 0.2

export async function startControlPlane(): Promise<ControlPlane> {
  const cluster = await startCluster({
    flags: {
      'kube-apiserver': { 'delete-collection-workers': '16' },
      'kube-controller-manager': {
        'kube-api-qps': '1000',
        'kube-api-burst': '2000',
        // For each CronJob it looks through all Jobs of the namespace, at each change: with thousands of each it is busy
        // for a quarter of an hour, although all are suspended.
        controllers: '*,-cronjob-controller',
        // By default it deletes finished pods beyond 12,500.
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
