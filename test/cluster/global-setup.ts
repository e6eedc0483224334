import type { TestProject } from 'vitest/node'
import type { ClusterAccess } from '../../scripts/control-plane/access.ts'
import { auditedRequests } from '../../scripts/control-plane/audit-log.ts'
import { CONTROL_PLANE, findBinaries } from '../../scripts/control-plane/binaries.ts'
import { connect } from '../../scripts/control-plane/client.ts'
import { startCluster } from '../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { checkRole } from '../../scripts/control-plane/operator-role.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The cluster of the whole test run, or why there is none. */
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
  return async () => {
    const requests = auditedRequests(cluster.access.auditLog)
    await cluster.stop()
    const { refused, unused } = checkRole(requests)
    if (refused.length > 0) throw new Error(`the operator's role lacks: ${refused.join(', ')}`)
    if (unused.length > 0 && (await hasRunWhole(project))) {
      throw new Error(`the operator's role has what no test of the suite uses: ${unused.join(', ')}`)
    }
  }
}

/** True if all tests of the cluster suite run. The chart's suite uses this cluster too, but not all permissions. */
async function hasRunWhole(project: TestProject): Promise<boolean> {
  if (project.name !== 'cluster' || project.config.testNamePattern !== undefined) return false
  const { testFiles } = await project.globTestFiles()
  const { state } = project.vitest
  const run = state.getTestModules().filter((module) => module.project === project)
  return run.length === testFiles.length
}
