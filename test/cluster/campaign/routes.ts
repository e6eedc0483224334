// One TLS proxy for many stages at a time: what it does to a request depends on the namespace that the request is about.
import type { ClusterAccess } from '../../../scripts/control-plane/access.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { EventFilter, Fault, ProxiedRequest } from '../tls-proxy.ts'

export type Route = {
  readonly fault?: ((request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>) | undefined
  readonly events?: EventFilter
}

export type Routes = {
  /** The cluster, by way of the proxy. */
  readonly access: ClusterAccess
  set(namespace: string, route: Route): void
}

/** To be called before the tests of a file. */
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

/** Of the objects that the operator is there for; not of its Lease, nor of its events. */
export function isObjectWrite(request: ProxiedRequest): boolean {
  return request.method !== 'GET' && !['leases', 'events'].includes(pluralOf(request))
}
