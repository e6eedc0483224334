import type { ServerResponse } from 'node:http'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../../common/clock.ts'
import { createCaches, uidKey } from '../../../../operator/cache/caches.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { until } from '../../../../scripts/control-plane/until.ts'
import { childName } from '../../../../operator/values/names.ts'
import { added, initial, startFakeApi, stream } from '../fake-api.ts'
import type { Call } from '../fake-api.ts'
import { schedule } from '../fixtures.ts'

const CHILD = childName('nightly')
const controller = (kind: string, name: string, uid: string) => ({
  apiVersion: 'batch/v1',
  kind,
  name,
  uid,
  controller: true,
})
const object = (name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: '7', ...more },
})
const labelled = (name: string, uid: string, more: Partial<KubeObject['metadata']> = {}) =>
  object(name, { labels: { 'rapidrmf.io/schedule-uid': uid }, ...more })
const nightly: KubeObject = { ...object('nightly'), spec: schedule().spec }

/** Caches of an API that has these objects, once all four are complete. */
async function cachesOf(objects: { readonly [plural: string]: readonly KubeObject[] }) {
  const changed: string[] = []
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  /** A change is attributed to the schedules that are cached by then. */
  const addOnceReleased = async (response: ServerResponse, plural: string): Promise<void> => {
    await released
    for (const [index, each] of (objects[plural] ?? []).entries()) {
      const metadata = { ...each.metadata, resourceVersion: String(8 + index) }
      response.write(`${JSON.stringify(added({ ...each, metadata }))}\n`)
    }
  }
  const api = await startFakeApi((response, call) => {
    const plural = call.path.split('/').at(-1) ?? ''
    stream(initial(7, ...(plural === 'validationschedules' ? [nightly] : [])))(response, call)
    void addOnceReleased(response, plural)
  })
  const caches = createCaches({
    client: api.client(),
    namespaces: undefined,
    clock: systemClock,
    log: pino({ enabled: false }),
    onChange: (key) => changed.push(key),
  })
  const stop = new AbortController()
  const running = Promise.all(Object.values(caches).map((cache) => cache.run(stop.signal)))
  onTestFinished(async () => {
    stop.abort()
    await running
  })
  await until('the schedule', () => caches.schedules.store.size === 1 || undefined)
  release()
  const counted = Object.values(objects).flat().length
  await until('all objects', () => {
    const { cronJobs, jobs, pods } = caches
    return cronJobs.store.size + jobs.store.size + pods.store.size === counted || undefined
  })
  return { caches, changed, calls: api.calls }
}

it('are of schedules, and of the labelled objects that a decision needs', async () => {
  const { calls } = await cachesOf({})
  await until('four watches', () => calls.length >= 4 || undefined)
  const selectors = (call: Call) => [call.query.get('labelSelector'), call.query.get('fieldSelector')]
  const ours = 'app.kubernetes.io/managed-by=rapidrmf-operator,rapidrmf.io/schedule-uid'
  expect(Object.fromEntries(calls.map((call) => [call.path, selectors(call)]))).toEqual({
    '/apis/rapidrmf.io/v1alpha1/validationschedules': [null, null],
    '/apis/batch/v1/cronjobs': [ours, null],
    '/apis/batch/v1/jobs': [ours, null],
    '/api/v1/pods': [ours, 'status.phase!=Succeeded,status.phase!=Failed'],
  })
})

it('find objects by the labels and owners that they have, within a namespace', async () => {
  const owned = labelled('j1', 'uid-nightly', { ownerReferences: [controller('CronJob', CHILD, 'uid-c')] })
  const { caches } = await cachesOf({
    jobs: [owned, labelled('j2', 'other')],
    pods: [labelled('p1', 'uid-nightly')],
  })
  const key = uidKey({ namespace: 'ns', uid: 'uid-nightly' })
  const names = (found: Iterable<{ name: string }>) => [...found].map(({ name }) => name)
  expect(names(caches.schedules.store.by('uid', key))).toEqual(['nightly'])
  expect(names(caches.schedules.store.by('child', `ns/${CHILD}`))).toEqual(['nightly'])
  expect(names(caches.jobs.store.by('schedule', key))).toEqual(['j1'])
  expect(names(caches.jobs.store.by('owner', uidKey({ namespace: 'ns', uid: 'uid-c' })))).toEqual(['j1'])
  expect(names(caches.pods.store.by('schedule', key))).toEqual(['p1'])
  expect(names(caches.jobs.store.by('schedule', uidKey({ namespace: 'other', uid: 'uid-nightly' })))).toEqual(
    [],
  )
})

it.each<[string, Record<string, KubeObject[]>, number]>([
  ['a CronJob of its name', { cronjobs: [object(CHILD)] }, 1],
  ['a CronJob of another name', { cronjobs: [labelled('other', 'uid-nightly')] }, 0],
  ['a Job with its label', { jobs: [labelled('j', 'uid-nightly')] }, 1],
  ['a Job of an earlier schedule', { jobs: [labelled('j', 'older')] }, 0],
  [
    'a Job of an earlier schedule whose CronJob it has',
    { jobs: [labelled('j', 'older', { ownerReferences: [controller('CronJob', CHILD, 'c')] })] },
    1,
  ],
  [
    'a Job of its own CronJob',
    { jobs: [labelled('j', 'uid-nightly', { ownerReferences: [controller('CronJob', CHILD, 'c')] })] },
    1,
  ],
  ['a pod with its label', { pods: [labelled('p', 'uid-nightly')] }, 1],
  ['a pod of another namespace', { pods: [labelled('p', 'uid-nightly', { namespace: 'other' })] }, 0],
])('report a change of a schedule by %s', async (_what, objects, times) => {
  const { changed } = await cachesOf(objects)
  // The first one is the schedule itself.
  expect(changed).toEqual(Array.from({ length: 1 + times }, () => 'ns/nightly'))
})
