import { setTimeout as sleep } from 'node:timers/promises'
import { KubeClient } from '../../operator/kube/client.ts'
import { PooledConfig } from '../../operator/kube/connection.ts'
import type { Resource } from '../../operator/kube/object.ts'
import { OPERATOR } from '../../test/cluster/access.ts'
import { connect } from '../../test/cluster/client.ts'
import { startCluster } from '../../test/cluster/cluster.ts'
import type { Cluster } from '../../test/cluster/cluster.ts'
import { installCrd } from '../../test/cluster/crd.ts'
import { bundleOperator } from './program.ts'

export type ControlPlane = {
  readonly cluster: Cluster
  /** The operator of today's sources as one file, as its image has it: from the sources it takes 70 MB more. */
  readonly program: string
  /** The administrator's, with the operator's own client: pooled, plain JSON. */
  readonly client: KubeClient
  /** What the operator has written since that position of the audit log, its Lease apart. */
  operatorWrites(since: number): Promise<{ readonly objects: number; readonly events: number }>
  /** Resolves when nobody has written anything for a while. */
  quiet(): Promise<void>
  removeAll(resource: Resource, namespace: string): Promise<void>
  stop(): Promise<void>
}

const QUIET_MS = 2_000

export async function startControlPlane(): Promise<ControlPlane> {
  const cluster = await startCluster({
    flags: {
      'kube-apiserver': { 'delete-collection-workers': '16' },
      'kube-controller-manager': {
        'kube-api-qps': '1000',
        'kube-api-burst': '2000',
        // By default it deletes finished pods beyond 12,500.
        'terminated-pod-gc-threshold': '0',
      },
    },
  })
  const config = new PooledConfig()
  config.loadFromString(cluster.kubeconfig())
  const client = new KubeClient(config, { fieldManager: 'bench' })
  await installCrd(connect(cluster.kubeconfig()))

  const writes = async (since: number, user?: string) =>
    (await cluster.writes({ since, ...(user === undefined ? {} : { user }) })).filter(
      ({ resource }) => resource !== 'leases',
    )
  return {
    cluster,
    program: await bundleOperator(cluster.directory),
    client,
    operatorWrites: async (since) => {
      const all = await writes(since, OPERATOR)
      const events = all.filter(({ resource }) => resource === 'events').length
      return { objects: all.length - events, events }
    },
    quiet: async () => {
      let since
      do {
        since = cluster.auditPosition()
        await sleep(QUIET_MS)
      } while ((await writes(since)).length > 0)
    },
    removeAll: (resource, namespace) => client.remove(resource, { namespace }, { timeout: 300_000 }),
    stop: async () => {
      await config.destroy()
      await cluster.stop()
    },
  }
}
