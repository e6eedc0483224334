import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { KubeClient } from '../../../../operator/kube/client.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { ResourceCache } from '../../../../operator/kube/resource-cache.ts'
import { Store } from '../../../../operator/kube/store.ts'
import type { Cached } from '../../../../operator/kube/store.ts'
import { until } from '../../../../scripts/control-plane/until.ts'
import { initial, pod, startFakeApi, stream } from '../fake-api.ts'
import { fakeClock } from '../fake-clock.ts'

const project = ({ metadata }: KubeObject): Cached => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
})

function cacheOf(namespaces: readonly string[] | undefined, client: KubeClient = {} as KubeClient) {
  const changes: string[] = []
  const cache = new ResourceCache({
    client,
    namespaces,
    resource: RESOURCES.pods,
    store: new Store<Cached>(),
    project,
    clock: fakeClock(),
    log: pino({ enabled: false }),
    onChange: ({ key }) => changes.push(key),
  })
  return { cache, changes }
}

test('one watch is of all namespaces', () => {
  const { cache } = cacheOf(undefined)
  expect(cache.reflectors).toHaveLength(1)
  expect(cache.reflectorOf('any')).toBe(cache.reflectors[0])
})

test('each of several namespaces has its own watch, and others have none', () => {
  const { cache } = cacheOf(['a', 'b'])
  expect(cache.reflectors).toHaveLength(2)
  expect(cache.reflectorOf('a')).toBe(cache.reflectors[0])
  expect(cache.reflectorOf('b')).toBe(cache.reflectors[1])
  expect(cache.reflectorOf('c')).toBeUndefined()
})

test('a write is expected until the watch of its namespace has seen it; without a watch it is not', async () => {
  const api = await startFakeApi((response, call) =>
    stream(call.path.includes('/ns/') ? initial(7, pod('a', 7)) : initial(3))(response, call),
  )
  const { cache, changes } = cacheOf(['ns', 'other'], api.client())
  const abort = new AbortController()
  const running = cache.run(abort.signal)
  try {
    await until('both lists', () => cache.reflectors.every(({ access }) => access === 'granted') || undefined)
    expect(changes).toEqual(['ns/a'])
    expect(cache.store.size).toBe(1)
    expect([cache.hasSeen('ns', '7'), cache.hasSeen('ns', '8')]).toEqual([true, false])
    expect([cache.hasSeen('other', '7'), cache.hasSeen('unwatched', '9')]).toEqual([false, true])
    for (const key of ['ns/x', 'other/x', 'unwatched/x']) cache.expectations.expect(key, '7')
    expect(['ns/x', 'other/x', 'unwatched/x'].map((key) => cache.expectations.satisfied(key))).toEqual([
      true,
      false,
      true,
    ])
  } finally {
    abort.abort()
    await running
  }
})
