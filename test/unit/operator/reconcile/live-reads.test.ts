import { describe, expect, it } from 'vitest'
import { KubeError } from '../../../../operator/kube/errors.ts'
import type { KubeObject, Location, Resource } from '../../../../operator/kube/object.ts'
import { NOTHING_OBSERVED } from '../../../../operator/plan/inputs/live-reads.ts'
import type { LiveRead } from '../../../../operator/plan/inputs/live-reads.ts'
import { getOrUndefined, readLive } from '../../../../operator/reconcile/live-reads.ts'
import { at } from '../fixtures.ts'

type Query = { readonly namespace?: string | undefined; readonly query?: unknown }

/** An API with one answer; it records each call. */
function apiOf(answer: KubeObject | KubeError | readonly KubeObject[]) {
  const calls: unknown[] = []
  const client = {
    get: async ({ plural }: Resource, { namespace, name }: Location) => {
      calls.push(['get', plural, namespace, name])
      if (answer instanceof KubeError) throw answer
      return answer
    },
    list: async ({ plural }: Resource, { namespace, query }: Query) => {
      calls.push(['list', plural, namespace, query])
      return { items: answer, version: '1' }
    },
  } as unknown as Parameters<typeof readLive>[0]
  const read = (of: LiveRead, known = NOTHING_OBSERVED) => readLive(client, 'compliance', of, known)
  return { client, calls, read }
}

const NOT_FOUND = new KubeError(404, { reason: 'NotFound' })
const metadata = { namespace: 'compliance', name: 'a', uid: '1', resourceVersion: '7' }

describe('a CronJob', () => {
  it('is read by its name; null where there is none', async () => {
    const { read, calls } = apiOf({ metadata })
    expect((await read({ kind: 'cronJob', name: 'a' })).cronJob).toMatchObject({ name: 'a', uid: '1' })
    expect(calls).toEqual([['get', 'cronjobs', 'compliance', 'a']])
    expect((await apiOf(NOT_FOUND).read({ kind: 'cronJob', name: 'a' })).cronJob).toBeNull()
  })
})

describe('a Job', () => {
  const job: LiveRead = { kind: 'job', uid: '1', name: 'a' }

  it('is the one with the UID, not another of its name', async () => {
    const { read, calls } = apiOf({ metadata })
    expect((await read(job)).jobs.get('1')).toMatchObject({ name: 'a', uid: '1' })
    expect(calls).toEqual([['get', 'jobs', 'compliance', 'a']])
    const another = await apiOf({ metadata: { ...metadata, uid: '2' } }).read(job)
    const gone = await apiOf(NOT_FOUND).read(job)
    for (const { jobs } of [another, gone]) expect([...jobs]).toEqual([['1', undefined]])
  })

  it('is added to what is known', async () => {
    const known = { ...NOTHING_OBSERVED, cronJob: null, jobs: new Map([['0', undefined]]) }
    const found = await apiOf({ metadata }).read(job, known)
    expect([...found.jobs.keys()]).toEqual(['0', '1'])
    expect(found.cronJob).toBeNull()
  })
})

it('the pods of a Job are those that it controls', async () => {
  const controlledBy = (uid: string, name: string): KubeObject => ({
    metadata: {
      ...metadata,
      name,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'a', uid, controller: true }],
    },
  })
  const { read, calls } = apiOf([controlledBy('1', 'mine'), controlledBy('2', 'forged'), { metadata }])
  const { pods } = await read({ kind: 'podsOfJob', uid: '1', name: 'a' })
  expect(pods.get('1')?.map(({ name }) => name)).toEqual(['mine'])
  const query = { labelSelector: 'batch.kubernetes.io/controller-uid=1' }
  expect(calls).toEqual([['list', 'pods', 'compliance', query]])
})

describe('the warnings of a Job', () => {
  const event = (reason: string, times: object): KubeObject => ({
    metadata: { name: reason, creationTimestamp: at(-99) },
    reason,
    note: `${reason} happened`,
    ...times,
  })

  it('are its events, the newest first, by the last time that each has', async () => {
    const { read, calls } = apiOf([
      event('Created', {}),
      event('Once', { eventTime: at(-30) }),
      event('Series', { eventTime: at(-60), series: { lastObservedTime: at(-10) } }),
      event('Old', { eventTime: null, deprecatedLastTimestamp: at(-20) }),
    ])
    const { warnings } = await read({ kind: 'warningsOfJob', uid: '1', name: 'a' })
    expect(warnings.get('1')?.map(({ reason }) => reason)).toEqual(['Series', 'Old', 'Once', 'Created'])
    expect(warnings.get('1')?.[0]).toEqual({ reason: 'Series', message: 'Series happened' })
    const query = { fieldSelector: 'regarding.uid=1,type=Warning', limit: 50 }
    expect(calls).toEqual([['list', 'events', 'compliance', query]])
  })
})

it('only a missing object reads as undefined', async () => {
  const resource = { group: 'batch', version: 'v1', plural: 'jobs' }
  const forbidden = new KubeError(403, { message: 'forbidden' })
  expect(await getOrUndefined(apiOf(NOT_FOUND).client, resource, { name: 'a' })).toBeUndefined()
  await expect(getOrUndefined(apiOf(forbidden).client, resource, { name: 'a' })).rejects.toBe(forbidden)
})
