import type { TestProject } from 'vitest/node'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { connect } from '../../scripts/control-plane/client.ts'
import { kubeconfig } from '../../scripts/control-plane/access.ts'
import { addTemplate } from '../support/global-setup.ts'
import { startE2eCluster } from '../../scripts/node/cluster.ts'
import type { Tools } from '../../scripts/node/cluster.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The node's part of the cluster, in addition to `cluster` and `postgresUrl`. */
    tools: Pick<Tools, 'helm' | 'kubectl' | 'node'>
  }
}

/** Starts one cluster with a node for the whole test run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const started = Date.now()
  const cluster = await startE2eCluster((text) =>
    process.stderr.write(`e2e: ${text} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`),
  )
  if ('missing' in cluster) {
    const line = '='.repeat(80)
    process.stderr.write(`\n${line}\nSKIPPED, all end-to-end tests: ${cluster.missing}\n${line}\n\n`)
    project.provide('cluster', cluster)
    return undefined
  }
  try {
    const { access, helm, kubectl, node, postgresUrl } = cluster
    await Promise.all([addTemplate(postgresUrl), installCrd(connect(kubeconfig(access)))])
    project.provide('cluster', access)
    project.provide('tools', { helm, kubectl, node })
    project.provide('postgresUrl', postgresUrl)
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return () => cluster.stop()
}
