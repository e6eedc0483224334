import type { KubernetesObject } from '@kubernetes/client-node'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeWithCluster, useNamespace } from '../namespace.ts'

const EXAMPLES = join(import.meta.dirname, '../../../examples/kubernetes')
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8')

type Pod = { readonly spec: { readonly containers: readonly object[]; readonly securityContext?: object } }

describeWithCluster('the example manifests', () => {
  const here = useNamespace('examples', { 'pod-security.kubernetes.io/enforce': 'restricted' })

  const createPod = (name: string, { spec }: Pod) =>
    here.admin.objects.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: here.name, name },
      spec,
    } as KubernetesObject)

  it('create a Job whose pods Pod Security "restricted" admits', async () => {
    const job = parse(read('inputs.yaml')) as { metadata: { namespace?: string }; spec: { template: Pod } }
    job.metadata.namespace = here.name
    await expect(here.admin.objects.create(job as KubernetesObject)).resolves.toBeDefined()
    await expect(createPod('inputs', job.spec.template)).resolves.toBeDefined()
  })

  it('create the pod of a command by kubectl run --overrides', async () => {
    const { spec } = JSON.parse(read('command.json')) as Pod
    const [container] = spec.containers
    // kubectl run itself sets the image, the arguments, and the container's name (that of the pod).
    const own = { image: 'registry.example/rapidrmf-job:0.1.0', args: ['runs', 'list'] }
    expect(container).toMatchObject({ name: 'rapidrmf' })
    const merged = { ...spec, restartPolicy: 'Never', containers: [{ ...container, ...own }] }
    await expect(createPod('rapidrmf', { spec: merged })).resolves.toBeDefined()
    const { securityContext: _omitted, ...open } = merged
    await expect(createPod('unprotected', { spec: open })).rejects.toThrow(/violates PodSecurity/)
  })
})
