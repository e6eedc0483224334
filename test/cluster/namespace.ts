import { afterAll, beforeAll, describe, inject } from 'vitest'
import { createNamespace, kubeconfig } from '../../scripts/control-plane/access.ts'
import type { ClusterAccess } from '../../scripts/control-plane/access.ts'
import { connect } from '../../scripts/control-plane/client.ts'
import type { Client } from '../../scripts/control-plane/client.ts'
import { playKubelet } from './play-kubelet.ts'
import type { Kubelet } from './play-kubelet.ts'

/** A namespace of the test file's own in the cluster of the run. */
export type TestNamespace = {
  readonly name: string
  readonly cluster: ClusterAccess
  readonly admin: Client
  readonly kubelet: Kubelet
}

/** Like describe; where there is no cluster, its tests are counted as skipped, with the reason in the name. */
export function describeWithCluster(name: string, define: () => void): void {
  const cluster = inject('cluster')
  const reason = 'missing' in cluster ? ` (skipped: ${cluster.missing})` : ''
  describe.skipIf(reason !== '')(`${name}${reason}`, () => {
    define()
  })
}

/** To be called inside of describeWithCluster; usable from the first beforeAll after it on. */
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
    // Not waited for: its CronJobs must not go on firing into later files, that is all.
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
