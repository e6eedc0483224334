// One TLS proxy for many concurrent scenarios: the namespace of a request selects the faults.
import type { ClusterAccess } from '../../../scripts/control-plane/access.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { EventFilter, Fault, ProxiedRequest } from '../tls-proxy.ts'

export type Route = {
  readonly fault?: ((request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>) | undefined
  readonly events?: EventFilter
}

export type Routes = {
  /** The cluster through the proxy. */
  readonly access: ClusterAccess
  set(namespace: string, route: Route): void
}

/** Starts the proxy before the tests of a file. */
export async function startRoutes(cluster: ClusterAccess): Promise<Routes> {
  const routes = new Map<string, Route>()
  const of = ({ path }: ProxiedRequest) => routes.get(/\/namespaces\/([^/]+)/.exec(path)?.[1] ?? '')
  const proxy = await startTlsProxy(cluster)
  proxy.fault = (request) => of(request)?.fault?.(request)
  proxy.events = (lines, request) => of(request)?.events?.(lines, request) ?? lines
  return { access: proxy.access, set: (namespace, route) => void routes.set(namespace, route) }
}

export function pluralOf({ path }: ProxiedRequest): string {
  return /\/namespaces\/[^/]+\/([^/]+)/.exec(path)?.[1] ?? ''
}

/** True for writes to schedules, CronJobs and Jobs; false for the Lease and for events. */
export function isObjectWrite(request: ProxiedRequest): boolean {
  return request.method !== 'GET' && !['leases', 'events'].includes(pluralOf(request))
}
