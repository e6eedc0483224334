import { API_VERSION, KIND } from '../../crds/validation-schedule.ts'
import type { KubeObject } from '../../operator/kube/object.ts'

export function scheduleNames(count: number, prefix = 'system'): string[] {
  return Array.from(
    { length: count },
    (_, index) => `${prefix}-${String(index + 1).padStart(5, '0')}-nightly`,
  )
}

/** A suspended schedule, so that nothing fires during the measurement. */
export function scheduleBody(namespace: string, name: string): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { namespace, name },
    spec: {
      environment: 'production',
      schedule: '0 2 * * *',
      timeZone: 'Europe/Berlin',
      suspend: true,
      config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
      database: { urlSecretKeyRef: { name: 'rapidrmf-db', key: 'url' } },
    },
  }
}
