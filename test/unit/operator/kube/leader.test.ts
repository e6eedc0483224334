import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { KubeError, NotLeaderError, UnreachableError } from '../../../../operator/kube/errors.ts'
import { LeaderElector } from '../../../../operator/kube/leader.ts'
import type { Lease, LeaderOptions } from '../../../../operator/kube/leader.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { fakeClock, settle } from '../fake-clock.ts'
import type { FakeClock } from '../fake-clock.ts'

type Api = {
  readonly calls: string[]
  lease: Lease | undefined
  /** Undefined: served; else what calls of that replica meet. */
  fault: ((identity: string, method: string) => Promise<void> | undefined) | undefined
}

function fakeApi(): Api {
  return { calls: [], lease: undefined, fault: undefined }
}

/** The API server as far as one Lease is concerned. */
function clientOf(api: Api, identity: string): LeaderOptions['client'] {
  let version = 0
  const call = async (method: string): Promise<void> => {
    api.calls.push(`${identity} ${method}`)
    await api.fault?.(identity, method)
  }
  const store = (object: KubeObject): Lease => {
    version = Number(api.lease?.metadata.resourceVersion ?? 0) + 1
    api.lease = { ...object, metadata: { ...object.metadata, uid: 'u', resourceVersion: String(version) } }
    return api.lease
  }
  const client = {
    get: async () => {
      await call('GET')
      if (api.lease === undefined) throw new KubeError(404, { reason: 'NotFound' })
      return api.lease
    },
    create: async (_resource: unknown, object: KubeObject) => {
      await call('POST')
      if (api.lease !== undefined) throw new KubeError(409, { reason: 'AlreadyExists' })
      return store(object)
    },
    replace: async (_resource: unknown, object: KubeObject) => {
      await call('PUT')
      if (api.lease?.metadata.resourceVersion !== object.metadata.resourceVersion) {
        throw new KubeError(409, { reason: 'Conflict' })
      }
      return store(object)
    },
  }
  return client as unknown as LeaderOptions['client']
}

function replica(api: Api, identity: string, clock: FakeClock) {
  const changes: boolean[] = []
  const abort = new AbortController()
  const elector = new LeaderElector({
    client: clientOf(api, identity),
    namespace: 'rapidrmf',
    name: 'operator',
    identity,
    clock,
    random: () => 0.5,
    log: pino({ enabled: false }),
    onChange: (leading) => changes.push(leading),
  })
  const done = elector.run(abort.signal)
  return {
    elector,
    changes,
    stop: async () => {
      abort.abort()
      await clock.advance(0)
      await done
    },
  }
}

const cut = (identity: string) => (who: string) =>
  who === identity ? Promise.reject(new UnreachableError('cut')) : undefined

describe('the leader', () => {
  test('makes the Lease, and renews it with one PUT every two seconds', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(60_000)
    expect(a.elector.isLeader()).toBe(true)
    expect(a.changes).toEqual([true])
    expect(api.calls.slice(0, 3)).toEqual(['a GET', 'a POST', 'a PUT'])
    expect(api.calls.filter((call) => call === 'a PUT')).toHaveLength(30)
    expect(api.calls.filter((call) => call === 'a GET')).toHaveLength(1)
    expect(api.lease?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-24T02:00:00.000000Z',
      renewTime: '2026-11-24T02:01:00.000000Z',
      leaseTransitions: 0,
    })
    await a.stop()
  })

  test('a second replica waits, and takes over at once when the first gives the Lease back', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(1_000)
    const b = replica(api, 'b', clock)
    await clock.advance(60_000)
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false])
    expect(b.elector.holder).toBe('a')
    await a.stop()
    expect(a.elector.isLeader()).toBe(false)
    expect(api.lease?.spec?.holderIdentity).toBe('')
    await clock.advance(4_400)
    expect(b.elector.isLeader()).toBe(true)
    expect(api.lease?.spec?.leaseTransitions).toBe(1)
    await b.stop()
  })

  test('a dead leader is replaced after the lease, not before', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(1_000)
    const b = replica(api, 'b', clock)
    await clock.advance(10_000)
    api.fault = cut('a')
    await clock.advance(14_000)
    expect(b.elector.isLeader()).toBe(false)
    await clock.advance(6_000)
    expect(b.elector.isLeader()).toBe(true)
    await Promise.all([a.stop(), b.stop()])
  })

  test('cut off, it stops believing after ten seconds: before anyone can take over', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(10_000)
    api.fault = cut('a')
    await clock.advance(9_999)
    expect(a.changes).toEqual([true])
    await clock.advance(1)
    expect(a.changes).toEqual([true, false])
    expect(() => a.elector.assertLeader()).toThrow(NotLeaderError)
    // The Lease still names it: nothing else has happened, and it leads again when the network is back.
    api.fault = undefined
    await clock.advance(5_000)
    expect(a.changes).toEqual([true, false, true])
    expect(api.lease?.spec?.leaseTransitions).toBe(0)
    await a.stop()
  })

  test('an attempt that hangs does not make it overlook the deadline', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(10_000)
    // As the client does: the request ends when its time is over.
    api.fault = () =>
      new Promise((_resolve, reject) =>
        clock.after(5_000, () => {
          reject(new UnreachableError('timeout'))
        }),
      )
    await clock.advance(20_000)
    expect(a.elector.isLeader()).toBe(false)
    expect(a.changes).toEqual([true, false])
    api.fault = undefined
    await clock.advance(10_000)
    await a.stop()
  })

  test('stopped for longer than the lease, it is no leader from its first instruction on', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(10_000)
    expect(a.elector.isLeader()).toBe(true)
    // Another one has taken over meanwhile.
    api.lease = {
      ...api.lease,
      metadata: { name: 'operator', uid: 'u', resourceVersion: '900' },
      spec: { holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 1 },
    }
    clock.freeze(20_000)
    expect(() => a.elector.assertLeader()).toThrow(NotLeaderError)
    await clock.advance(2_000)
    expect(a.elector.isLeader()).toBe(false)
    expect(a.elector.holder).toBe('b')
    expect(a.changes).toEqual([true, false])
    await a.stop()
    expect(api.lease?.spec?.holderIdentity).toBe('b')
  })

  test('the fast path meets a new leader: one conflict, one look, and it is no leader', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(3_000)
    api.lease = {
      ...api.lease,
      metadata: { name: 'operator', uid: 'u', resourceVersion: '900' },
      spec: { holderIdentity: 'b', leaseDurationSeconds: 15 },
    }
    api.calls.length = 0
    await clock.advance(1_000)
    expect(api.calls).toEqual(['a PUT', 'a GET'])
    expect(a.changes).toEqual([true, false])
    await a.stop()
  })

  test('a Lease that someone has deleted is made anew', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(3_000)
    api.lease = undefined
    api.fault = (_who, method) =>
      method === 'PUT' && api.lease === undefined
        ? Promise.reject(new KubeError(404, { reason: 'NotFound' }))
        : undefined
    await clock.advance(2_000)
    expect(a.elector.isLeader()).toBe(true)
    expect(api.lease).toMatchObject({ spec: { holderIdentity: 'a' } })
    await a.stop()
  })

  test("another's clock does not matter: only its renewals do", async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    let version = 1
    const renew = (): void => {
      api.lease = {
        metadata: { name: 'operator', uid: 'u', resourceVersion: String(version++) },
        spec: { holderIdentity: 'b', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' },
      }
    }
    renew()
    const a = replica(api, 'a', clock)
    for (let second = 0; second < 60; second += 2) {
      renew()
      await clock.advance(2_000)
    }
    expect(a.elector.isLeader()).toBe(false)
    await clock.advance(20_000)
    expect(a.elector.isLeader()).toBe(true)
    await a.stop()
  })

  test('of ten that start together, one leads, and ever only one', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const replicas = Array.from({ length: 10 }, (_, index) => replica(api, `r${index}`, clock))
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000)
      expect(replicas.filter(({ elector }) => elector.isLeader()).length).toBeLessThanOrEqual(1)
    }
    expect(replicas.filter(({ elector }) => elector.isLeader())).toHaveLength(1)
    await Promise.all(replicas.map(({ stop }) => stop()))
  })

  test('an API server that is away at the end does not hold up the end', async () => {
    const [api, clock] = [fakeApi(), fakeClock()]
    const a = replica(api, 'a', clock)
    await clock.advance(3_000)
    api.fault = cut('a')
    await a.stop()
    await settle()
    expect(a.elector.isLeader()).toBe(false)
  })
})
