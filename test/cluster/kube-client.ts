import { afterAll } from 'vitest'
import { KubeClient } from '../../operator/kube/client.ts'
import type { ClientOptions } from '../../operator/kube/client.ts'
import { PooledConfig } from '../../operator/kube/connection.ts'

/** Returns the operator's client for the text of a kubeconfig; its connections end with the test file. */
export function kubeClient(kubeconfig: string, options: ClientOptions = {}): KubeClient {
  const config = new PooledConfig()
  config.loadFromString(kubeconfig)
  afterAll(() => config.destroy())
  return new KubeClient(config, options)
}
