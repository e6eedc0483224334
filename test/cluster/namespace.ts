import { afterAll, beforeAll, describe, inject } from 'vitest'
import { createNamespace, kubeconfig } from '../../scripts/control-plane/access.ts'
import type { ClusterAccess } from '../../scripts/control-plane/access.ts'
import { connect } from '../../scripts/control-plane/client.ts'
import type { Client } from '../../scripts/control-plane/client.ts'
import { playKubelet } from './play-kubelet.ts'
import type { Kubelet } from './play-kubelet.ts'

/** A namespace of one test file in the cluster of the test run. */
export type TestNamespace = {
  readonly name: string
  readonly cluster: ClusterAccess
  readonly admin: Client
  readonly kubelet: Kubelet
}

/** Calls `describe`. Without a cluster its tests are skipped, with the reason in the name. */
export function describeWithCluster(name: string, define: () => void): void {
  const cluster = inject('cluster')
  const reason = 'missing' in cluster ? ` (skipped: ${cluster.missing})` : ''
  describe.skipIf(reason !== '')(`${name}${reason}`, () => {
    define()
  })
}

/** Creates the namespace. Call it inside of describeWithCluster; later beforeAll hooks can use the result. */
export function useNamespace(prefix = 'test', labels: Readonly<Record<string, string>> = {}): TestNamespace {
  let made: TestNamespace | undefined
  const here = (): TestNamespace => {
    if (made === undefined) throw new Error('the namespace exists only while tests run')
    return made
  }
  beforeAll(async () => {
    const cluster = inject('cluster')
    if ('missing' in cluster) throw new Error(cluster.missing)
    const admin = connect(kubeconfig(cluster))
    const name = await createNamespace(cluster, prefix, labels)
    made = { name, cluster, admin, kubelet: playKubelet(admin, name) }
  })
  afterAll(async () => {
    // Waiting is not necessary: the deletion only keeps CronJobs from firing during later files.
    if (made !== undefined) await made.admin.core.deleteNamespace({ name: made.name })
  })
  return {
    get name() {
      return here().name
    },
    get cluster() {
      return here().cluster
    },
    get admin() {
      return here().admin
    },
    get kubelet() {
      return here().kubelet
    },
  }
}
