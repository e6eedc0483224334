import { ApiException } from '@kubernetes/client-node'
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '../../crds/validation-schedule.ts'
import type { ValidationSchedule } from '../../crds/validation-schedule.ts'
import { useNamespace } from './namespace.ts'
import type { TestNamespace } from './namespace.ts'

/** The API of schedules as kubectl uses it: an unknown field is an error. */
export type ScheduleApi = {
  readonly here: TestNamespace
  write(name: string, spec: unknown): Promise<ValidationSchedule>
  /** Replaces fields of the object and its status by the subresource `status`. */
  writeStatus(name: string, change: object): Promise<ValidationSchedule>
  /** The message with which the API server refuses the spec, as kubectl shows it. */
  refusal(spec: unknown): Promise<string>
  messageOf(writing: Promise<unknown>): Promise<string>
}

/** Creates the namespace and its API. Call it inside of describeWithCluster, like useNamespace. */
export function useScheduleApi(prefix: string): ScheduleApi {
  const here = useNamespace(prefix)
  const resource = () => ({ group: GROUP, version: VERSION, plural: PLURAL, namespace: here.name })
  const api: ScheduleApi = {
    here,
    async write(name, spec) {
      const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec }
      return (await here.admin.custom.createNamespacedCustomObject({
        ...resource(),
        body,
        fieldValidation: 'Strict',
      })) as ValidationSchedule
    },
    async writeStatus(name, change) {
      const current = (await here.admin.custom.getNamespacedCustomObject({ ...resource(), name })) as object
      return (await here.admin.custom.replaceNamespacedCustomObjectStatus({
        ...resource(),
        name,
        body: { ...current, ...change },
        fieldValidation: 'Strict',
      })) as ValidationSchedule
    },
    refusal: (spec) => api.messageOf(api.write('refused', spec)),
    async messageOf(writing) {
      const error: unknown = await writing.then(
        () => 'it was accepted',
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof ApiException)) throw new Error(String(error))
      return (JSON.parse(String(error.body)) as { message: string }).message
    },
  }
  return api
}
