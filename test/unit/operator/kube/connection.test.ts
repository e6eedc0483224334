import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { KubeClient } from '../../../../operator/kube/client.ts'
import { PooledConfig, loadConfig, serverOf } from '../../../../operator/kube/connection.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import { pod, serve, startFakeApi } from '../fake-api.ts'

const at = { namespace: 'ns', name: 'a' }

afterEach(() => {
  vi.useRealTimers()
})

describe('the connection pool', () => {
  test('a new certificate gets new connections', async () => {
    const api = await startFakeApi(serve(pod('a', 3)))
    const config = api.config()
    const client = new KubeClient(config)
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: new Date() })
    await client.get(RESOURCES.pods, at)
    config.clusters = config.clusters.map((cluster) => ({ ...cluster, tlsServerName: 'renewed' }))
    vi.advanceTimersByTime(6_000)
    await client.get(RESOURCES.pods, at)
    expect(api.connections()).toBe(2)
  })
})

describe('the kubeconfig', () => {
  test('names what there is when the context is not', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-kubeconfig-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const kubeconfig = join(directory, 'config')
    const config = {
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1/' } }],
      users: [{ name: 'u', user: { token: 't' } }],
    }
    writeFileSync(kubeconfig, JSON.stringify(config))
    expect(serverOf(loadConfig({ kubeconfig, context: 'here' }))).toBe('https://127.0.0.1:1')
    expect(() => loadConfig({ kubeconfig, context: 'there' })).toThrow(/"there".*here/)
    expect(() => loadConfig({ kubeconfig: join(directory, 'none') })).toThrow(/ENOENT/)
  })

  test('is read strictly: an entry that cannot be used is an error', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-kubeconfig-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const kubeconfig = join(directory, 'config')
    writeFileSync(kubeconfig, JSON.stringify({ clusters: [{ name: 'c', cluster: {} }] }))
    expect(() => loadConfig({ kubeconfig })).toThrow(/server/)
  })

  test('without contexts says so', () => {
    expect(() => serverOf(new PooledConfig())).toThrow('It names no contexts at all.')
  })
})
