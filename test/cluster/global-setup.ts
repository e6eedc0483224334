import type { TestProject } from 'vitest/node'
import type { ClusterAccess } from './access.ts'
import { CONTROL_PLANE, findBinaries } from './binaries.ts'
import { connect } from './client.ts'
import { startCluster } from './cluster.ts'
import { installCrd } from './crd.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** One cluster for the whole run, or why there is none. */
    cluster: ClusterAccess | { readonly missing: string }
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const binaries = await findBinaries(CONTROL_PLANE)
  if ('missing' in binaries) {
    const line = '='.repeat(80)
    process.stderr.write(`\n${line}\nSKIPPED, all of the cluster suite: ${binaries.missing}\n${line}\n\n`)
    project.provide('cluster', binaries)
    return undefined
  }
  const cluster = await startCluster({ prepare: (kubeconfig) => installCrd(connect(kubeconfig)) })
  project.provide('cluster', cluster.access)
  return () => cluster.stop()
}
