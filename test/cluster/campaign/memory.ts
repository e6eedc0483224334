// A stale API server: it serves old lists, and its watches continue from them.
import type { KubeClient } from '../../../operator/kube/client.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import type { ProxiedRequest } from '../tls-proxy.ts'
import { afterGate } from './event-filters.ts'
import { WATCHED } from './perturbations.ts'
import { pluralOf } from './routes.ts'
import type { Route } from './routes.ts'

/** Lists by resource. */
export type Memory = ReadonlyMap<string, object>

const RESOURCE_OF = {
  validationschedules: RESOURCES.schedules,
  cronjobs: RESOURCES.cronJobs,
  jobs: RESOURCES.jobs,
  pods: RESOURCES.pods,
} as const

/** The present response to each list of the operator. */
export async function remember(client: KubeClient, namespace: string): Promise<Memory> {
  const ours = { labelSelector: 'app.kubernetes.io/managed-by=rapidrmf-operator' }
  return new Map(
    await Promise.all(
      WATCHED.map(async (plural) => {
        const query = plural === 'validationschedules' ? {} : ours
        return [plural, await client.list(RESOURCE_OF[plural], { namespace, query })] as const
      }),
    ),
  )
}

/** Serves each list from memory once, as a page and not as a stream; current events follow when the gate opens. */
export function lagging(
  memory: Memory,
  gate: Promise<unknown>,
): Route & { readonly isBelieved: () => boolean } {
  const left = new Map(memory)
  return {
    fault: (request) => {
      if (request.query.get('sendInitialEvents') === 'true') return { status: 422 }
      if (!isList(request)) return undefined
      const body = left.get(pluralOf(request))
      left.delete(pluralOf(request))
      return body === undefined ? undefined : { status: 200, body }
    },
    events: (lines) => afterGate(lines, gate),
    isBelieved: () => left.size === 0,
  }
}

function isList({ method, isWatch, path }: ProxiedRequest): boolean {
  return method === 'GET' && !isWatch && /\/namespaces\/[^/]+\/[^/]+$/.test(path)
}
