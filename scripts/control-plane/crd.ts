import type { V1CustomResourceDefinition } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { CRD_NAME } from '../../crds/validation-schedule.ts'
import { generateCrd } from '../generate-crd.ts'
import { hasCode } from './client.ts'
import type { Client } from './client.ts'
import { until } from './until.ts'

/** Generates the CRD and applies it, also concurrently, and waits until schedules can be written. */
export async function installCrd({ custom, extensions }: Client): Promise<V1CustomResourceDefinition> {
  const body = parse(await generateCrd()) as object
  // The library's type of a schema names `default`, `enum` and x-kubernetes-… differently, and would drop them.
  const resource = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }
  try {
    await custom.createClusterCustomObject({ ...resource, body, fieldValidation: 'Strict' })
  } catch (error) {
    if (!hasCode(error, 409)) throw error
  }
  return until('the CRD to be established', async () => {
    const found = await extensions.readCustomResourceDefinition({ name: CRD_NAME })
    const established = found.status?.conditions?.find(({ type }) => type === 'Established')
    return established?.status === 'True' ? found : undefined
  })
}
