import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../../common/clock.ts'
import type { KubeClient } from '../../../../operator/kube/client.ts'
import { KubeError, UnreachableError } from '../../../../operator/kube/errors.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { Reflector } from '../../../../operator/kube/reflector.ts'
import type { Change, ReflectorOptions } from '../../../../operator/kube/reflector.ts'
import { Store } from '../../../../operator/kube/store.ts'
import type { Cached } from '../../../../operator/kube/store.ts'
import { synced } from '../../../cluster/synced.ts'
import { until } from '../../../../scripts/control-plane/until.ts'
import {
  added,
  bookmark,
  deleted,
  initial,
  modified,
  page,
  pod,
  raw,
  refuse,
  silence,
  startFakeApi,
  stream,
} from '../fake-api.ts'
import type { Answer } from '../fake-api.ts'
import { fakeClock } from '../fake-clock.ts'

const project = ({ metadata }: KubeObject): Cached => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
})

const SHORT = { silence: 400, steady: 10_000, backoff: { first: 20, longest: 100 } }

async function reflect(script: readonly Answer[], options: Partial<ReflectorOptions<Cached>> = {}) {
  const api = await startFakeApi(...script)
  const store = new Store<Cached>()
  const changes: string[] = []
  const abort = new AbortController()
  const reflector = new Reflector({
    client: api.client(),
    resource: RESOURCES.pods,
    project,
    store,
    clock: systemClock,
    log: pino({ enabled: false }),
    timing: SHORT,
    onChange: (change) => changes.push(describeChange(change)),
    ...options,
  })
  const done = reflector.run(abort.signal)
  onTestFinished(async () => {
    abort.abort()
    await done
  })
  const objects = (): string[] =>
    [...store.values()].map(({ name, resourceVersion }) => `${name}@${resourceVersion}`).sort()
  return {
    api,
    store,
    reflector,
    changes,
    objects,
    abort,
    done,
    become: (...expected: string[]) =>
      until(`the store to hold ${expected.join(' ')}; it holds ${objects().join(' ')}`, () =>
        objects().join(' ') === expected.join(' ') ? true : undefined,
      ),
  }
}

function describeChange({ before, after }: Change<Cached>): string {
  const name = (object: Cached | undefined) =>
    object === undefined ? '-' : `${object.name}@${object.resourceVersion}`
  return `${name(before)} ${name(after)}`
}

describe('the reflector', () => {
  test('a streaming list is complete at its bookmark, and goes on as a watch', async () => {
    const { api, reflector, changes, become } = await reflect([
      stream([
        ...initial(10, pod('a', 3), pod('b', 7)),
        modified(pod('a', 11)),
        added(pod('c', 12)),
        deleted(pod('b', 13)),
      ]),
    ])
    await synced({ reflectors: [reflector] })
    await become('a@11', 'c@12')
    expect(changes).toEqual(['- a@3', '- b@7', 'a@3 a@11', '- c@12', 'b@7 -'])
    expect(api.calls).toHaveLength(1)
    expect(Object.fromEntries(api.calls[0]?.query ?? [])).toMatchObject({
      watch: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    })
    expect(Number(api.calls[0]?.query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300)
    expect(Number(api.calls[0]?.query.get('timeoutSeconds'))).toBeLessThanOrEqual(600)
  })

  test('before the bookmark nothing is in the store, and nothing is said', async () => {
    const { reflector, changes, objects } = await reflect([stream([added(pod('a', 3))]), silence])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([reflector.access, changes, objects()]).toEqual(['pending', [], []])
  })

  test.each([
    ['422, as servers with the feature off say it', 422],
    ['400, as old servers say it', 400],
  ])('streaming refused by %s: pages, and it does not ask again', async (_name, code) => {
    const { api, become } = await reflect([
      refuse(code, 'Invalid'),
      page(10, [pod('a', 3)], 'more'),
      page(10, [pod('b', 7)]),
      stream([modified(pod('a', 11))]),
    ])
    await become('a@11', 'b@7')
    const [, first, second, watch] = api.calls
    expect([first?.query.get('limit'), first?.query.get('resourceVersion')]).toEqual(['500', null])
    expect(second?.query.get('continue')).toBe('more')
    expect([watch?.query.get('watch'), watch?.query.get('resourceVersion')]).toEqual(['true', '10'])
    api.script(refuse(410, 'Expired'), page(20, [pod('b', 7)]), stream([]))
    api.reset()
    await become('b@7')
    expect(api.calls.slice(4).every(({ query }) => !query.has('sendInitialEvents'))).toBe(true)
  })

  test('a stream without its closing bookmark is given up after the silence, and the list is read in pages', async () => {
    const { api, reflector, become } = await reflect([
      stream([added(pod('a', 3))]),
      page(10, [pod('a', 3), pod('b', 4)]),
      stream([]),
    ])
    await become('a@3', 'b@4')
    expect(reflector.access).toBe('granted')
    expect(api.calls[1]?.query.get('limit')).toBe('500')
  })

  const interrupted: [string, Answer, number][] = [
    ['ended by the server', stream(initial(10, pod('a', 3)), 'end'), 10],
    ['reset', stream([...initial(10, pod('a', 3)), bookmark(15)], 'reset'), 15],
    ['half-open', stream([...initial(10, pod('a', 3)), bookmark(15)], 'open'), 15],
    ['half-open within an event', stream(initial(10, pod('a', 3)), 'half'), 10],
  ]
  test.each(interrupted)('%s: it goes on from the last version', async (_name, first, version) => {
    const { api, become, changes } = await reflect([first, stream([modified(pod('a', 20))])])
    await become('a@20')
    expect(api.calls[1]?.query.get('resourceVersion')).toBe(String(version))
    expect(changes).toEqual(['- a@3', 'a@3 a@20'])
  })

  const failing: [string, Answer][] = [
    ['500', refuse(500, 'InternalError')],
    ['429', refuse(429, 'TooManyRequests')],
    ['a proxy that speaks HTML', raw('<html>\n')],
    ['503 without a body', (response) => response.writeHead(503).end()],
    [
      'an ERROR event',
      stream([{ type: 'ERROR', object: { kind: 'Status', code: 500, reason: 'InternalError' } }]),
    ],
    ['a reset before any answer', (response) => response.socket?.resetAndDestroy()],
    ['403', refuse(403, 'Forbidden')],
    ['404: the CRD is not installed', refuse(404, 'NotFound')],
    ['401', refuse(401, 'Unauthorized')],
    ['no answer at all', silence],
  ]
  test.each(failing)('%s at the first list, three times: it goes on trying', async (_name, answer) => {
    const { reflector, become } = await reflect([answer, answer, answer, stream(initial(10, pod('a', 3)))])
    await until('trouble', () => reflector.lastError)
    await become('a@3')
    expect([reflector.lastError, reflector.restarts >= 3]).toEqual([undefined, true])
  })

  test.each([
    ['403', refuse(403, 'Forbidden'), 'refused'],
    ['404', refuse(404, 'NotFound'), 'refused'],
    ['410', refuse(410, 'Expired'), 'granted'],
  ])(
    '%s after the first list: what was read stays until there is another list',
    async (_name, answer, expected) => {
      const seen: string[] = []
      const begun = Promise.withResolvers<undefined>()
      const { reflector, changes, become } = await reflect(
        [
          stream(initial(10, pod('a', 3)), 'end'),
          answer,
          (response, call) => void begun.promise.then(() => answer(response, call)),
          stream(initial(20, pod('b', 15))),
        ],
        { onAccess: () => seen.push(reflector.access) },
      )
      await until('the first refusal', () => reflector.lastError)
      expect([reflector.access, changes]).toEqual([expected, ['- a@3']])
      begun.resolve(undefined)
      await become('b@15')
      expect(seen).toEqual(expected === 'refused' ? ['granted', 'refused', 'granted'] : ['granted'])
    },
  )

  test.each([
    ['as an answer', refuse(410, 'Expired')],
    ['as an event', stream([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }])],
  ])('410 %s: it lists again and finds what was deleted, changed and made meanwhile', async (_name, gone) => {
    const { api, changes, become } = await reflect([
      stream(initial(10, pod('a', 3), pod('b', 4), pod('c', 5)), 'end'),
      gone,
      stream(initial(30, pod('b', 4), pod('c', 25), pod('d', 28))),
    ])
    await become('b@4', 'c@25', 'd@28')
    expect(changes.slice(3)).toEqual(['a@3 -', 'c@5 c@25', '- d@28'])
    expect(api.calls[2]?.query.has('resourceVersion')).toBe(false)
  })

  test.each([
    ['404: the CRD was away', [refuse(404, 'NotFound')]],
    ['400: that is no version', [refuse(400, 'BadRequest')]],
    ['eight times "too large a version"', Array.from({ length: 8 }, () => refuse(504, 'Timeout'))],
  ])('%s: it lists again', async (_name, refusals) => {
    const { become } = await reflect([
      stream(initial(10, pod('a', 3)), 'end'),
      ...refusals,
      stream(initial(30, pod('b', 25))),
    ])
    await become('b@25')
  })

  test('deleted and made again while nobody watched: one change, from the old to the new', async () => {
    const seen: Change<Cached>[] = []
    const { become } = await reflect(
      [
        stream(initial(10, pod('a', 3, { uid: 'old' })), 'end'),
        refuse(410, 'Expired'),
        stream(initial(30, pod('a', 25, { uid: 'new' }))),
      ],
      { onChange: (change) => seen.push(change) },
    )
    await become('a@25')
    expect(seen.map(({ before, after }) => [before?.uid, after?.uid])).toEqual([
      [undefined, 'old'],
      ['old', 'new'],
    ])
  })

  test.each([
    ['text that is not JSON', raw('surprise\n')],
    ['an event of an unknown type', stream([{ type: 'WHAT', object: pod('a', 99) }])],
    ['an event without an object', stream([{ type: 'ADDED' }])],
    ['null', raw('null\n')],
  ])('%s: something may be lost, so it lists again', async (_name, garbage) => {
    const { api, become } = await reflect([
      stream(initial(10, pod('a', 3)), 'end'),
      garbage,
      stream(initial(30, pod('b', 4))),
    ])
    await become('b@4')
    expect(api.calls[2]?.query.get('sendInitialEvents')).toBe('true')
  })

  test('never back: an older event is ignored, an older list refused', async () => {
    const { reflector, objects, changes, become, api } = await reflect([
      stream([
        ...initial(100, pod('a', 90)),
        modified(pod('a', 95)),
        modified(pod('a', 101)),
        deleted(pod('a', 99)),
      ]),
    ])
    await become('a@101')
    expect(changes).toEqual(['- a@90', 'a@90 a@101'])
    api.script(refuse(410, 'Expired'), stream(initial(50, pod('a', 40)), 'end'))
    api.reset()
    await until('trouble', () => reflector.lastError?.match(/version 50 .* after 101/) ?? undefined)
    expect(objects()).toEqual(['a@101'])
    api.script(stream(initial(120, pod('a', 110))))
    await become('a@110')
  })

  test('versions are compared as numbers of any length', async () => {
    const { become } = await reflect([
      stream([
        ...initial(9, pod('a', 9)),
        { type: 'MODIFIED', object: pod('a', 0, { resourceVersion: '10' }) },
        { type: 'MODIFIED', object: pod('a', 0, { resourceVersion: '18446744073709551615' }) },
        { type: 'MODIFIED', object: pod('a', 0, { resourceVersion: '99' }) },
      ]),
    ])
    await become('a@18446744073709551615')
  })

  test('it knows what it has seen: events, bookmarks, the list as a whole', async () => {
    const { reflector, become } = await reflect([stream([...initial(10, pod('a', 3)), bookmark(15)])])
    expect(reflector.hasSeen('1')).toBe(false)
    await become('a@3')
    await until('the bookmark', () => (reflector.hasSeen('15') ? true : undefined))
    expect([reflector.hasSeen('10'), reflector.hasSeen('16')]).toEqual([true, false])
  })

  test('a listener that throws, and an object that cannot be read, stop nothing', async () => {
    const { become } = await reflect(
      [stream([...initial(10, pod('a', 3), pod('odd', 4)), added(pod('b', 11))])],
      {
        onChange: () => {
          throw new Error('a bug')
        },
        project: (raw) => {
          if (raw.metadata.name === 'odd') throw new Error('another')
          return project(raw)
        },
      },
    )
    await become('a@3', 'b@11')
  })

  test('of several namespaces in one store, each reflector clears only its own', async () => {
    const store = new Store<Cached>()
    store.set({ namespace: 'other', name: 'x', uid: 'x', resourceVersion: '1' })
    store.set({ namespace: 'ns', name: 'gone', uid: 'x', resourceVersion: '1' })
    const { api, reflector } = await reflect([stream(initial(10, pod('a', 3)))], { store, namespace: 'ns' })
    await synced({ reflectors: [reflector] })
    expect([...store.keys()]).toEqual(['other/x', 'ns/a'])
    expect(api.calls[0]?.path).toBe('/api/v1/namespaces/ns/pods')
  })

  test('lists in pages when it is told to', async () => {
    const { api, become } = await reflect([page(10, [pod('a', 3)]), stream([])], { streaming: false })
    await become('a@3')
    expect(api.calls[0]?.query.get('limit')).toBe('500')
  })

  test('an abort ends it at once', async () => {
    const { reflector, abort, done } = await reflect([stream(initial(10))])
    await synced({ reflectors: [reflector] })
    abort.abort()
    await done
  })
})

/** A client whose every call fails, and a clock moved by hand: when does it call? `error` may depend on the number of the call. */
function callTimes(error: unknown, minutes: number, random = 0): Promise<number[]> {
  const clock = fakeClock()
  const start = clock.now()
  const times: number[] = []
  const fail = (): Promise<never> => {
    times.push(clock.now() - start)
    const thrown: unknown = typeof error === 'function' ? error(times.length) : error
    return Promise.reject(thrown instanceof Error ? thrown : new Error('odd'))
  }
  const client = { list: fail, watch: fail } as unknown as Pick<KubeClient, 'list' | 'watch'>
  const abort = new AbortController()
  const reflector = new Reflector({
    client,
    resource: RESOURCES.pods,
    project,
    store: new Store<Cached>(),
    clock,
    random: () => random,
    log: pino({ enabled: false }),
    onChange: () => undefined,
  })
  const done = reflector.run(abort.signal)
  return clock.advance(minutes * 60_000).then(async () => {
    abort.abort()
    await done
    expect(reflector.isAlive).toBe(true)
    return times
  })
}

describe('the pauses between attempts', () => {
  test('double up to half a minute', async () => {
    const times = await callTimes(new UnreachableError('refused'), 3)
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(pauses.slice(0, 8)).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
  })

  test('an hour of 410 is not an hour of lists', async () => {
    expect((await callTimes(new KubeError(410, { reason: 'Expired' }), 60)).length).toBeLessThan(130)
  })

  test('there is none after a 410 that ends an outage, and there is after the next', async () => {
    const gone = new KubeError(410, { reason: 'Expired' })
    const times = await callTimes((call: number) => (call < 5 ? new UnreachableError('refused') : gone), 2)
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(pauses.slice(0, 6)).toEqual([800, 1_600, 3_200, 6_400, 0, 25_600])
  })

  test('are as long as Retry-After says', async () => {
    const times = await callTimes(new KubeError(429, { reason: 'TooManyRequests' }, 120_000), 10)
    expect(times).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000])
  })

  test('are never nothing, whatever Retry-After says', async () => {
    expect((await callTimes(new KubeError(429, {}, 0), 3)).length).toBeLessThan(20)
  })
})
