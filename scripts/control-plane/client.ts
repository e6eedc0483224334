import {
  ApiException,
  ApiextensionsV1Api,
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node'
import type { RequestContext } from '@kubernetes/client-node'
import { Agent } from 'undici'

/** Clients of the APIs that the tests use, for one user. */
export type Client = {
  readonly config: KubeConfig
  readonly core: CoreV1Api
  readonly batch: BatchV1Api
  readonly rbac: RbacAuthorizationV1Api
  readonly extensions: ApiextensionsV1Api
  readonly custom: CustomObjectsApi
  readonly objects: KubernetesObjectApi
}

export function connect(kubeconfig: string): Client {
  const config = PooledKubeConfig.from(kubeconfig)
  return {
    config,
    core: config.makeApiClient(CoreV1Api),
    batch: config.makeApiClient(BatchV1Api),
    rbac: config.makeApiClient(RbacAuthorizationV1Api),
    extensions: config.makeApiClient(ApiextensionsV1Api),
    custom: config.makeApiClient(CustomObjectsApi),
    objects: KubernetesObjectApi.makeApiClient(config),
  }
}

/** An agent that reuses connections. The library opens a TLS connection per call and keeps it, too many for polling. */
export class PooledKubeConfig extends KubeConfig {
  private agent: Agent | undefined

  static from(kubeconfig: string): PooledKubeConfig {
    const config = new PooledKubeConfig()
    config.loadFromString(kubeconfig)
    return config
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    context.setDispatcher((this.agent ??= this.createAgentOnce()))
  }

  private createAgentOnce(): Agent {
    const decoded = (data: string | undefined): string | undefined =>
      data === undefined ? undefined : Buffer.from(data, 'base64').toString()
    const ca = decoded(this.getCurrentCluster()?.caData)
    const cert = decoded(this.getCurrentUser()?.certData)
    const key = decoded(this.getCurrentUser()?.keyData)
    return new Agent({ connect: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } })
  }
}

export function hasCode(error: unknown, code: number): error is ApiException<unknown> {
  return error instanceof ApiException && error.code === code
}
