import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../common/clock.ts'
import type { KubeClient } from '../../../operator/kube/client.ts'
import { failureOf, KubeError } from '../../../operator/kube/errors.ts'
import type { Failure } from '../../../operator/kube/errors.ts'
import { eventName, EventRecorder } from '../../../operator/kube/events.ts'
import { LeaderElector } from '../../../operator/kube/leader.ts'
import type { Lease } from '../../../operator/kube/leader.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import type { KubeObject } from '../../../operator/kube/object.ts'
import type { ReflectorOptions } from '../../../operator/kube/reflector.ts'
import { ResourceCache } from '../../../operator/kube/resource-cache.ts'
import { Store } from '../../../operator/kube/store.ts'
import type { Cached } from '../../../operator/kube/store.ts'
import { startProxy } from '../../support/proxy.ts'
import type { Proxy } from '../../support/proxy.ts'
import { kubeconfig } from '../../../scripts/control-plane/access.ts'
import type { ClusterAccess } from '../../../scripts/control-plane/access.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { kubeClient } from '../kube-client.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { TlsProxy } from '../tls-proxy.ts'
import { synced } from '../synced.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' }
const SHORT = { silence: 1_000, steady: 10_000, backoff: { first: 50, longest: 500 } }
const log = pino({ enabled: false })

type Item = Cached & { readonly value: string }

const configMap = (namespace: string, name: string, value = ''): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name, labels: { test: 'kube' } },
  data: { value },
})

function cronJob(namespace: string, name: string, timeZone = 'Etc/UTC'): KubeObject {
  const pod = { restartPolicy: 'Never', containers: [{ name: 'job', image: 'example.com/job:1' }] }
  const jobTemplate = { spec: { template: { spec: pod } } }
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace, name },
    spec: { schedule: '0 2 * * *', timeZone, suspend: true, jobTemplate },
  }
}

const project = ({ metadata, ...rest }: KubeObject): Item => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
  value: (rest['data'] as { value?: string } | undefined)?.value ?? '',
})

/** A cache of the namespace's ConfigMaps with the project's label, for one test. */
function mirror(
  client: KubeClient,
  namespace: string,
  options: Pick<Partial<ReflectorOptions<Item>>, 'timing'> = {},
) {
  const store = new Store<Item>()
  const cache = new ResourceCache({
    client,
    resource: CONFIG_MAPS,
    labelSelector: 'test=kube',
    namespaces: [namespace],
    project,
    store,
    onChange: () => undefined,
    log,
    clock: systemClock,
    timing: SHORT,
    ...options,
  })
  const abort = new AbortController()
  const done = cache.run(abort.signal)
  onTestFinished(async () => {
    abort.abort()
    await done
  })
  const shows = (name: string, value: string | undefined): Promise<true> =>
    until(`the cache to show ${name}: ${value}`, () =>
      store.get(`${namespace}/${name}`)?.value === value ? true : undefined,
    )
  return { cache, store, shows }
}

/** Starts a proxy that passes TLS through. */
function through(tcp: Proxy, access: ClusterAccess): ClusterAccess {
  return { ...access, server: tcp.through(access.server).replace(/\/$/, '') }
}

async function failure(call: Promise<unknown>): Promise<Failure> {
  return call.then(
    () => {
      throw new Error('this should have failed')
    },
    (error: unknown) => failureOf(error),
  )
}

const withVersion = <T extends KubeObject>(object: T) => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: object.metadata.resourceVersion ?? '' },
})

describeWithCluster('the client on a real API server', () => {
  const here = useNamespace('kube-client')
  let client: KubeClient
  beforeAll(() => {
    client = kubeClient(kubeconfig(here.cluster), { fieldManager: 'test-manager' })
  })

  test('creates by POST: an existing object is not changed', async () => {
    const made = await client.create(RESOURCES.cronJobs, cronJob(here.name, 'taken'))
    expect(made.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['test-manager'])
    expect(await failure(client.create(RESOURCES.cronJobs, cronJob(here.name, 'taken')))).toEqual({
      kind: 'alreadyExists',
    })
  })

  test('a PUT and a patch with an old version are conflicts, and change nothing', async () => {
    const old = withVersion(await client.create(RESOURCES.cronJobs, cronJob(here.name, 'conflict')))
    const newer = await client.replace(RESOURCES.cronJobs, {
      ...old,
      metadata: { ...old.metadata, labels: { winner: 'yes' } },
    })
    expect(await failure(client.replace(RESOURCES.cronJobs, old))).toEqual({ kind: 'conflict' })
    const at = { namespace: here.name, name: 'conflict' }
    const operations = [{ op: 'remove', path: '/metadata/labels' }] as const
    const late = client.patch(
      RESOURCES.cronJobs,
      { ...at, resourceVersion: old.metadata.resourceVersion },
      operations,
    )
    expect(await failure(late)).toEqual({ kind: 'conflict' })
    expect((await client.get(RESOURCES.cronJobs, at)).metadata).toEqual(newer.metadata)
    const { resourceVersion } = withVersion(newer).metadata
    const patched = await client.patch(RESOURCES.cronJobs, { ...at, resourceVersion }, operations)
    expect(patched.metadata.labels).toBeUndefined()
  })

  test("a bad zone is an error of the user, with the API server's message", async () => {
    expect(await failure(client.create(RESOURCES.cronJobs, cronJob(here.name, 'bad', 'Mars/Base')))).toEqual({
      kind: 'terminal',
      message: expect.stringContaining('unknown time zone Mars/Base'),
    })
  })

  test('a field of the wrong type is an error of the user', async () => {
    const odd = { ...cronJob(here.name, 'odd'), spec: { schedule: 7 } }
    expect(await failure(client.create(RESOURCES.cronJobs, odd))).toMatchObject({ kind: 'terminal' })
  })

  test('a missing object is undefined, and a replaced object is not deleted', async () => {
    const at = { namespace: here.name, name: 'absent' }
    expect(await failure(client.get(RESOURCES.cronJobs, at))).toEqual({ kind: 'notFound' })
    expect(await failure(client.remove(RESOURCES.cronJobs, at))).toEqual({ kind: 'notFound' })
    const made = await client.create(RESOURCES.cronJobs, cronJob(here.name, 'mine'))
    const mine = { namespace: here.name, name: 'mine' }
    expect(await failure(client.remove(RESOURCES.cronJobs, mine, { uid: 'another' }))).toEqual({
      kind: 'conflict',
    })
    await client.remove(RESOURCES.cronJobs, mine, { uid: made.metadata.uid ?? '' })
    expect(await failure(client.get(RESOURCES.cronJobs, mine))).toEqual({ kind: 'notFound' })
  })

  test('a forbidden request is retried later, one in a terminating namespace is not', async () => {
    const stranger = kubeClient(kubeconfig(here.cluster, { name: 'stranger' }))
    expect(await failure(stranger.create(RESOURCES.cronJobs, cronJob(here.name, 'mine')))).toMatchObject({
      kind: 'terminal',
      message: expect.stringContaining('cannot create resource'),
      recheck: 300_000,
    })
    const namespace = `${here.name}-ending`
    const metadata = { name: namespace, finalizers: ['example.com/held'] }
    await client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
    await client.create(CONFIG_MAPS, {
      ...configMap(namespace, 'held'),
      metadata: { namespace, name: 'held', finalizers: ['example.com/held'] },
    })
    await client.remove(RESOURCES.namespaces, { name: namespace })
    expect(await failure(client.create(RESOURCES.cronJobs, cronJob(namespace, 'late')))).toEqual({
      kind: 'namespaceTerminating',
    })
    for (const [resource, name] of [
      [CONFIG_MAPS, 'held'],
      [RESOURCES.namespaces, namespace],
    ] as const) {
      const at = resource === CONFIG_MAPS ? { namespace, name } : { name }
      const { metadata } = await client.get(resource, at)
      await client.patch(resource, { ...at, resourceVersion: metadata.resourceVersion ?? '' }, [
        { op: 'remove', path: '/metadata/finalizers' },
      ])
    }
  })

  test('a status is written without the spec', async () => {
    await installCrd(connect(kubeconfig(here.cluster)))
    const type = { apiVersion: 'rapidrmf.io/v1alpha1', kind: 'ValidationSchedule' }
    const made = await client.create(RESOURCES.schedules, {
      ...type,
      metadata: { namespace: here.name, name: 'nightly' },
      spec: {
        environment: 'production',
        schedule: '0 2 * * *',
        config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
      },
    })
    const { namespace, name, resourceVersion = '' } = made.metadata
    const status = { ...type, metadata: { namespace, name, resourceVersion }, status: { cronJobName: 'x' } }
    const written = await client.replaceStatus(RESOURCES.schedules, status)
    expect([written['spec'], written['status']]).toEqual([made['spec'], { cronJobName: 'x' }])
    expect(written.metadata.generation).toBe(made.metadata.generation)
    expect(await failure(client.replaceStatus(RESOURCES.schedules, status))).toEqual({ kind: 'conflict' })
    // An equal status makes no new version, so no event and no endless loop.
    const again = {
      ...status,
      metadata: { namespace, name, resourceVersion: written.metadata.resourceVersion ?? '' },
    }
    const unchanged = await client.replaceStatus(RESOURCES.schedules, again)
    expect(unchanged.metadata.resourceVersion).toBe(written.metadata.resourceVersion)
  })

  test('requests with a new token succeed, and with a wrong one fail', async () => {
    const wrong = kubeClient(kubeconfig({ ...here.cluster, adminToken: 'wrong' }))
    const error: unknown = await wrong.list(RESOURCES.pods).catch((error: unknown) => error)
    expect(error).toMatchObject({ status: 401, reason: 'Unauthorized' })
    expect(failureOf(error)).toEqual({ kind: 'transient' })
  })
})

describeWithCluster('the cache on a real API server', () => {
  const here = useNamespace('kube-cache')
  let client: KubeClient
  let tls: TlsProxy
  let tcp: Proxy
  beforeAll(async () => {
    client = kubeClient(kubeconfig(here.cluster))
    tls = await startTlsProxy(here.cluster)
    tcp = await startProxy(Number(new URL(here.cluster.server).port))
  })
  const throughTcp = (): ClusterAccess => through(tcp, here.cluster)
  const put = async (name: string, value: string): Promise<string> => {
    const object = configMap(here.name, name, value)
    try {
      return (await client.create(CONFIG_MAPS, object)).metadata.resourceVersion ?? ''
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 409)) throw error
      const { metadata } = await client.get(CONFIG_MAPS, { namespace: here.name, name })
      return (
        (await client.replace(CONFIG_MAPS, withVersion({ ...object, metadata }))).metadata.resourceVersion ??
        ''
      )
    }
  }

  test('shows changes within milliseconds', async () => {
    await put('before', '1')
    await client.create(CONFIG_MAPS, {
      ...configMap(here.name, 'not-ours', '1'),
      metadata: { namespace: here.name, name: 'not-ours' },
    })
    const { cache, store, shows } = mirror(client, here.name)
    await synced(cache)
    await shows('before', '1')
    expect(store.get(`${here.name}/not-ours`)).toBeUndefined()
    const startedAt = performance.now()
    await put('before', '2')
    await shows('before', '2')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    await client.remove(CONFIG_MAPS, { namespace: here.name, name: 'before' })
    await shows('before', undefined)
    expect(cache.reflectors.map(({ restarts }) => restarts)).toEqual([0])
  })

  test('an object that loses the label leaves the cache', async () => {
    const { shows } = mirror(client, here.name)
    await put('labelled', '1')
    await shows('labelled', '1')
    const at = { namespace: here.name, name: 'labelled' }
    const { metadata } = await client.get(CONFIG_MAPS, at)
    await client.patch(CONFIG_MAPS, { ...at, resourceVersion: metadata.resourceVersion ?? '' }, [
      { op: 'remove', path: '/metadata/labels' },
    ])
    await shows('labelled', undefined)
  })

  test('expects an own write while the watch lags, until its event comes', async () => {
    const slow = kubeClient(kubeconfig(tls.access))
    const { cache, shows } = mirror(slow, here.name)
    await synced(cache)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    tls.line = async (line) => {
      await held
      return line
    }
    onTestFinished(() => {
      release()
      tls.line = undefined
    })
    const key = `${here.name}/echo`
    cache.expectations.expect(key, await put('echo', '1'))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(cache.expectations.satisfied(key)).toBe(false)
    release()
    await shows('echo', '1')
    expect(cache.expectations.satisfied(key)).toBe(true)
  })

  test('an own write that was deleted at once is not expected for ever', async () => {
    const { cache, store } = mirror(client, here.name)
    await synced(cache)
    const key = `${here.name}/brief`
    cache.expectations.expect(key, await put('brief', '1'))
    await client.remove(CONFIG_MAPS, { namespace: here.name, name: 'brief' })
    await until('the echo', () => (cache.expectations.satisfied(key) ? true : undefined))
    await until('its end', () => (store.get(key) === undefined ? true : undefined))
  })

  describe('continues after', () => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired' }
    test.each([
      ['a broken connection', () => tls.breakWatches()],
      [
        'a 410',
        () => {
          tls.fault = once(({ isWatch }) => isWatch, { status: 410, body: gone })
          tls.breakWatches()
        },
      ],
      [
        'five times 500',
        () => {
          let left = 5
          tls.fault = ({ isWatch }) => (isWatch && left-- > 0 ? { status: 500 } : undefined)
          tls.breakWatches()
        },
      ],
      [
        '429 with Retry-After',
        () => {
          tls.fault = once(({ isWatch }) => isWatch, { status: 429, headers: { 'retry-after': '1' } })
          tls.breakWatches()
        },
      ],
      [
        'a watch without a response',
        () => {
          tls.fault = once(({ isWatch }) => isWatch, 'hang')
          tls.breakWatches()
        },
      ],
      [
        '410 within the watch',
        () => {
          let sent = false
          tls.line = (line) => {
            if (sent) return line
            sent = true
            return JSON.stringify({ type: 'ERROR', object: gone })
          }
        },
      ],
      [
        'garbage within the watch',
        () => {
          let sent = false
          tls.line = (line) => {
            if (sent) return line
            sent = true
            return '{"type":"MODIFIED","obj'
          }
        },
      ],
    ])('%s, and misses no event', async (_name, breakIt) => {
      const { cache, shows } = mirror(kubeClient(kubeconfig(tls.access)), here.name)
      await put('kept', '1')
      await put('doomed', '1')
      await synced(cache)
      await shows('doomed', '1')
      onTestFinished(() => {
        tls.fault = undefined
        tls.line = undefined
      })
      breakIt()
      await client.remove(CONFIG_MAPS, { namespace: here.name, name: 'doomed' })
      await put('kept', '2')
      await shows('kept', '2')
      await shows('doomed', undefined)
    })

    test('a TCP reset', async () => {
      const { cache, shows } = mirror(kubeClient(kubeconfig(throughTcp())), here.name)
      await synced(cache)
      tcp.drop()
      await put('reset', '1')
      await shows('reset', '1')
    })

    test('a half-open connection', async () => {
      const { cache, shows } = mirror(kubeClient(kubeconfig(throughTcp())), here.name)
      await synced(cache)
      tcp.freeze('existing')
      onTestFinished(() => tcp.restore())
      const frozenAt = performance.now()
      await put('half-open', '1')
      await shows('half-open', '1')
      // The silence of one second is detected; TCP would take a quarter of an hour.
      expect(performance.now() - frozenAt).toBeLessThan(10_000)
    })

    test('an interruption of two seconds, with backoff', async () => {
      const { cache, shows } = mirror(kubeClient(kubeconfig(throughTcp())), here.name)
      await synced(cache)
      tcp.cut()
      await put('cut', '1')
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      tcp.restore()
      await shows('cut', '1')
      // The backoff doubles from 50 ms to 500 ms: at most ten tries in two seconds.
      expect(cache.reflectors[0]?.restarts ?? 0).toBeLessThan(15)
    })
  })

  test('without streaming lists', async () => {
    tls.fault = ({ query }) => {
      const refused = query.has('sendInitialEvents')
      return refused ? { status: 422, body: { kind: 'Status', code: 422, reason: 'Invalid' } } : undefined
    }
    onTestFinished(() => (tls.fault = undefined))
    await put('paged', '1')
    const { cache, shows } = mirror(kubeClient(kubeconfig(tls.access)), here.name)
    await synced(cache)
    await shows('paged', '1')
    await put('paged', '2')
    await shows('paged', '2')
  })
})

function once<T extends object | string>(
  matches: (request: TlsProxy['requests'][number]) => boolean,
  fault: T,
): (request: TlsProxy['requests'][number]) => T | undefined {
  let done = false
  return (request) => {
    if (done || !matches(request)) return undefined
    done = true
    return fault
  }
}

describeWithCluster('leaders and events on a real API server', () => {
  const here = useNamespace('kube-leader')
  const timing = { lease: 3_000, renewDeadline: 2_000, retry: 400 }

  async function replica(identity: string, name: string) {
    const tcp = await startProxy(Number(new URL(here.cluster.server).port))
    const client = kubeClient(kubeconfig(through(tcp, here.cluster)))
    const elector = new LeaderElector({
      client,
      namespace: here.name,
      name,
      identity,
      clock: systemClock,
      log,
      timing,
    })
    const abort = new AbortController()
    const done = elector.run(abort.signal)
    const stop = async (): Promise<void> => {
      abort.abort()
      await done
    }
    onTestFinished(stop)
    return { elector, stop, tcp, guarded: client.guarded(elector.assertLeader) }
  }
  const leads = ({ elector }: { elector: LeaderElector }): Promise<true> =>
    until('a leader', () => (elector.isLeader() ? true : undefined))

  test('one leads, and when it stops the other leads at once', async () => {
    const a = await replica('a', 'handover')
    await leads(a)
    const b = await replica('b', 'handover')
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false])
    const stoppedAt = performance.now()
    await a.stop()
    await leads(b)
    expect(performance.now() - stoppedAt).toBeLessThan(timing.lease)
  })

  test('a leader without a connection stops before another starts, and sends no more writes', async () => {
    const a = await replica('a', 'cut')
    await leads(a)
    const b = await replica('b', 'cut')
    const both: number[] = []
    const watch = setInterval(() => {
      if (a.elector.isLeader() && b.elector.isLeader()) both.push(performance.now())
    }, 5)
    onTestFinished(() => clearInterval(watch))
    a.tcp.freeze()
    await leads(b)
    expect(both).toEqual([])
    expect(await failure(a.guarded.create(CONFIG_MAPS, configMap(here.name, 'late')))).toEqual({
      kind: 'notLeader',
    })
    a.tcp.restore()
    await b.stop()
    await leads(a)
    await a.guarded.create(CONFIG_MAPS, configMap(here.name, 'again'))
  })

  test('the Lease is valid for the API', async () => {
    const a = await replica('a', 'shape')
    await leads(a)
    const client = kubeClient(kubeconfig(here.cluster))
    const lease = await client.get<Lease>(RESOURCES.leases, { namespace: here.name, name: 'shape' })
    expect(lease.spec).toMatchObject({
      holderIdentity: 'a',
      leaseDurationSeconds: 3,
      renewTime: expect.stringMatching(/\.\d{6}Z$/),
    })
    await a.stop()
    const after = await client.get<Lease>(RESOURCES.leases, { namespace: here.name, name: 'shape' })
    expect(after.spec?.holderIdentity ?? '').toBe('')
  })

  test('an event that is sent twice exists once', async () => {
    const client = kubeClient(kubeconfig(here.cluster))
    const regarding = {
      apiVersion: 'rapidrmf.io/v1alpha1',
      kind: 'ValidationSchedule',
      namespace: here.name,
      name: 'a'.repeat(253),
      uid: 'uid-1',
    }
    const input = {
      regarding,
      type: 'Warning',
      reason: 'RunErrored',
      action: 'Mirror',
      note: '🙂'.repeat(1_000),
      dedupKey: 'job-1',
    } as const
    for (const instance of ['one', 'i'.repeat(300)]) {
      const recorder = new EventRecorder({
        client,
        controller: 'rapidrmf.io/operator',
        instance,
        log,
        clock: systemClock,
      })
      recorder.record(input)
      await recorder.drain(5_000)
      expect(recorder.dropped).toBe(0)
    }
    const { items } = await client.list(RESOURCES.events, { namespace: here.name })
    const ours = items.filter((event) => event['reason'] === 'RunErrored')
    expect(ours.map(({ metadata }) => metadata.name)).toEqual([eventName(input)])
    expect(ours[0]).toMatchObject({ reportingInstance: 'one', type: 'Warning' })
  })
})

describeWithCluster('the cache during restarts of the API server', () => {
  let cluster: Cluster
  let client: KubeClient
  let namespace: string
  beforeAll(async () => {
    cluster = await startCluster({ flags: { 'kube-apiserver': { 'feature-gates': 'WatchList=false' } } })
    client = kubeClient(cluster.kubeconfig())
    namespace = await cluster.createNamespace('restart')
  })
  afterAll(() => cluster.stop())

  test('lists in pages without streaming lists, and continues after crash and compaction', async () => {
    const names = Array.from({ length: 1_203 }, (_, index) => `item-${index}`)
    for (let start = 0; start < names.length; start += 50) {
      const batch = names.slice(start, start + 50)
      await Promise.all(batch.map((name) => client.create(CONFIG_MAPS, configMap(namespace, name, '1'))))
    }
    const { cache, store, shows } = mirror(client, namespace, { timing: { ...SHORT, silence: 90_000 } })
    await synced(cache)
    expect(store.size).toBe(1_203)
    await cluster.stopApiServer('SIGKILL')
    await cluster.startApiServer()
    await client.remove(CONFIG_MAPS, { namespace, name: 'item-0' })
    const { metadata } = await client.create(CONFIG_MAPS, configMap(namespace, 'new', '1'))
    await cluster.compactEtcd()
    await cluster.compactEtcd()
    await shows('new', '1')
    await shows('item-0', undefined)
    expect(store.size).toBe(1_203)
    expect(cache.hasSeen(namespace, metadata.resourceVersion ?? '')).toBe(true)
  })

  test('lists again after a 410, when history was compacted while the watch was disconnected', async () => {
    const tcp = await startProxy(Number(new URL(cluster.access.server).port))
    const { cache, shows } = mirror(kubeClient(kubeconfig(through(tcp, cluster.access))), namespace)
    await synced(cache)
    tcp.cut()
    await client.create(CONFIG_MAPS, configMap(namespace, 'meanwhile', '1'))
    await client.remove(CONFIG_MAPS, { namespace, name: 'item-1' })
    await client.create(CONFIG_MAPS, configMap(namespace, 'later', '1'))
    await cluster.compactEtcd()
    await cluster.compactEtcd()
    await cluster.restartApiServer()
    tcp.restore()
    await shows('later', '1')
    await shows('item-1', undefined)
  })
})
