import { KubeConfig } from '@kubernetes/client-node'
import type { Cluster, ConfigOptions, DispatcherOptions, RequestContext } from '@kubernetes/client-node'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'

/**
 * HTTP/1.1, because with HTTP/2 all watches and writes share one connection: one lost packet or one frozen connection
 * would stop them all, including the Lease renewals.
 */
const POOL = {
  allowH2: false,
  // Longer than the 2 s between Lease writes, shorter than the API server's own 90 s.
  keepAliveTimeout: 30_000,
  keepAliveMaxTimeout: 60_000,
}
const CONNECT = { timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 30_000 }

/**
 * The library's configuration with one connection pool. The library itself creates a new pool, with a new TLS
 * handshake, for every call. The pool is replaced when the CA, certificate or key changes (an exec plugin renews
 * certificates).
 */
export class PooledConfig extends KubeConfig {
  #pool: { readonly identity: string; readonly dispatcher: Dispatcher } | undefined
  #connect: DispatcherOptions | undefined

  override createDispatcherOptions(
    ...args: Parameters<KubeConfig['createDispatcherOptions']>
  ): DispatcherOptions {
    this.#connect = super.createDispatcherOptions(...args)
    return this.#connect
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    const options = this.#connect ?? { type: 'none' }
    const identity = JSON.stringify(options)
    if (this.#pool?.identity !== identity) {
      // Requests in flight on the old pool end normally; it closes after the last one.
      void this.#pool?.dispatcher.close().catch(() => undefined)
      this.#pool = { identity, dispatcher: poolFor(options, context.getDispatcher()) }
    }
    context.setDispatcher(this.#pool.dispatcher)
  }

  /** Closes every connection. */
  async destroy(): Promise<void> {
    await this.#pool?.dispatcher.destroy()
  }
}

/** Creates the pool. Proxies keep the dispatcher that the library created; it is also created once per identity. */
function poolFor(options: DispatcherOptions, made: Dispatcher | undefined): Dispatcher {
  if (made !== undefined && (options.type === 'proxy' || options.type === 'socks')) return made
  const tls = options.type === 'agent' ? options.connect : {}
  return new Agent({ ...POOL, connect: { ...CONNECT, ...tls } as Agent.Options['connect'] & {} })
}

export type ConfigSource = {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

/** Loads the given file, else $KUBECONFIG, ~/.kube/config, or the service account of the pod, in this order. */
export function loadConfig({ kubeconfig, context }: ConfigSource = {}): PooledConfig {
  const config = new PooledConfig()
  // By default the library skips unusable entries and fails later with an error that names nothing.
  const strict: Partial<ConfigOptions> = { onInvalidEntry: 'throw' }
  if (kubeconfig === undefined) config.loadFromDefault(strict)
  else config.loadFromFile(kubeconfig, strict)
  if (context !== undefined) config.setCurrentContext(context)
  serverOf(config)
  return config
}

/** The API server's address without a trailing slash. */
export function serverOf(config: KubeConfig): string {
  const cluster: Cluster | null = config.getCurrentCluster()
  if (cluster === null) {
    const known = config.getContexts().map(({ name }) => name)
    throw new Error(
      `The kubeconfig has no usable context "${config.getCurrentContext()}". ` +
        (known.length === 0 ? 'It names no contexts at all.' : `Its contexts: ${known.join(', ')}.`),
    )
  }
  return cluster.server.replace(/\/+$/, '')
}
