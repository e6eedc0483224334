import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createCaches } from '../../../../operator/cache/caches.ts'
import { KubeError } from '../../../../operator/kube/errors.ts'
import type { KubeClient } from '../../../../operator/kube/client.ts'
import type { EventInput } from '../../../../operator/kube/events.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { cronJob as desired } from '../../../../operator/plan/cron-job/cron-job.ts'
import { runNowJob } from '../../../../operator/plan/cron-job/requested-job.ts'
import { event } from '../../../../operator/plan/status/events.ts'
import type { Plan } from '../../../../operator/plan/plan.ts'
import { Applier } from '../../../../operator/reconcile/apply.ts'
import { StopReconcile } from '../../../../operator/reconcile/reconcile-result.ts'
import { fakeClock } from '../fake-clock.ts'
import { DEFAULTS, NOW, at, input, liveCronJob, schedule, writtenFor } from '../fixtures.ts'

const KEY = 'compliance/nightly'
const ATTEMPT = { key: KEY, failures: 0, priority: 'normal' } as const
const OLD = schedule()
const NEW = schedule({}, { createdAt: at(-59) })
const EVENTS = [event('CronJobCreated', 'WriteCronJob', 'k', 'n')]
const BODY = desired(OLD, DEFAULTS)

type Step = Extract<Plan, { kind: 'write' }>['step']
const write = (step: Step): Extract<Plan, { kind: 'write' }> => ({ kind: 'write', step, events: EVENTS })
const CREATE = write({ kind: 'create', body: BODY, was: 'absent' })
const replaceOf = (why: 'updated' | 'repaired') =>
  write({
    kind: 'replace',
    body: { ...BODY, metadata: { ...BODY.metadata, resourceVersion: '200' } },
    why,
    difference: 'd',
  })

/** An API that answers a write with the object as sent, or as `answers` says. */
function setUp(answers: Record<string, unknown> = {}, of = OLD) {
  const calls: { name: string; object: KubeObject; rest: unknown }[] = []
  let version = 1_000
  const call = (verb: string) => async (resource: { plural: string }, object: KubeObject, rest?: unknown) => {
    const name = `${verb} ${resource.plural}`
    calls.push({ name, object, rest })
    const answer = answers[name] ?? (name === 'get validationschedules' ? { metadata: of } : undefined)
    if (answer instanceof Error) throw answer
    version += 1
    return (
      answer ?? { ...object, metadata: { ...object.metadata, uid: 'new', resourceVersion: String(version) } }
    )
  }
  const client = Object.fromEntries(
    ['get', 'list', 'create', 'replace', 'patch'].map((verb) => [verb, call(verb)]),
  ) as unknown as KubeClient
  const clock = fakeClock(new Date(NOW))
  const log = pino({ enabled: false })
  const caches = createCaches({ client, namespaces: undefined, clock, log, onChange: () => undefined })
  const events: EventInput[] = []
  const applier = new Applier({ client, caches, events: { record: (each) => events.push(each) }, log, clock })
  return { applier, calls, caches, events, names: () => calls.map(({ name }) => name) }
}

const stopOf = async (work: Promise<unknown>) => {
  const thrown: unknown = await work.catch((error: unknown) => error)
  if (thrown instanceof StopReconcile) return thrown.result
  throw new Error(`no stop: ${String(thrown)}`)
}
const invalid = new KubeError(422, { message: 'bad zone', details: { causes: [{ field: 'spec.timeZone' }] } })

describe('a CronJob', () => {
  it('is created; what was written is known, and expected in the cache', async () => {
    const { applier, names, caches, events } = setUp({}, NEW)
    const after = await applier.apply(ATTEMPT, input({ schedule: NEW }), CREATE)
    expect(names()).toEqual(['create cronjobs'])
    expect(after.cronJob).toMatchObject({ uid: 'new', resourceVersion: '1001' })
    expect(after.observed).toMatchObject({ write: { kind: 'done' }, repeated: undefined })
    expect(after.written).toMatchObject({ uid: 'new', sentHash: writtenFor(NEW).sentHash })
    expect(applier.written(KEY, NEW)).toEqual({ ...after.written, scheduleUid: 'schedule-uid' })
    expect(caches.cronJobs.expectations.size).toBe(1)
    expect(events).toMatchObject([{ reason: 'CronJobCreated' }])
  })

  it.each([
    ['of a new schedule is not checked', NEW, 'absent', []],
    [
      'of a schedule of a minute is checked',
      schedule({}, { createdAt: at(-60) }),
      'absent',
      ['get validationschedules'],
    ],
    ['that was deleted is checked', NEW, 'deleted', ['get validationschedules']],
  ] as const)('%s', async (_what, of, was, checks) => {
    const { applier, names } = setUp({}, of)
    await applier.apply(ATTEMPT, input({ schedule: of }), write({ kind: 'create', body: BODY, was }))
    expect(names()).toEqual([...checks, 'create cronjobs'])
  })

  it('is not written from an outdated schedule, or for one that is gone', async () => {
    const stale = { metadata: { ...OLD, resourceVersion: '101' } }
    const replaced = { metadata: { ...OLD, uid: 'another' } }
    for (const found of [stale, replaced]) {
      const { applier, names } = setUp({ 'get validationschedules': found })
      expect(await stopOf(applier.apply(ATTEMPT, input(), CREATE))).toEqual({ kind: 'stale' })
      expect(names()).toEqual(['get validationschedules'])
    }
    const gone = setUp({ 'get validationschedules': new KubeError(404, {}) })
    expect(await stopOf(gone.applier.apply(ATTEMPT, input(), CREATE))).toEqual({ kind: 'gone' })
  })

  it('is replaced at its version; an update that changes nothing has no event', async () => {
    const { applier, calls, events } = setUp()
    await applier.apply(ATTEMPT, input(), replaceOf('updated'))
    expect(calls[1]).toMatchObject({
      name: 'replace cronjobs',
      object: { metadata: { resourceVersion: '200' } },
    })
    expect(events).toHaveLength(1)
    const unchanged = { ...BODY, metadata: { ...BODY.metadata, uid: 'u', resourceVersion: '200' } }
    const same = setUp({ 'replace cronjobs': unchanged })
    const after = await same.applier.apply(ATTEMPT, input(), replaceOf('updated'))
    expect([same.events, after.observed.repeated]).toEqual([[], undefined])
    expect(after.observed.write).toEqual({ kind: 'done' })
  })

  it('without a version is never replaced', async () => {
    const { applier, names } = setUp()
    const bare = write({ kind: 'replace', body: BODY, why: 'updated', difference: 'd' })
    const stop = await stopOf(applier.apply(ATTEMPT, input(), bare))
    expect(stop).toMatchObject({ kind: 'backOff' })
    expect(names()).not.toContain('replace cronjobs')
  })

  it('is suspended by a patch of one field at its version', async () => {
    const cronJob = liveCronJob(OLD)
    const suspended = { metadata: { name: cronJob.name, resourceVersion: '201' }, spec: { suspend: true } }
    const { applier, calls } = setUp({ 'patch cronjobs': suspended })
    const plan = write({ kind: 'suspend', cronJob, suspend: true })
    const after = await applier.apply(ATTEMPT, input({ cronJob }), plan)
    expect(calls[1]).toMatchObject({
      name: 'patch cronjobs',
      object: { namespace: 'compliance', name: cronJob.name, resourceVersion: '200' },
      rest: [{ op: 'add', path: '/spec/suspend', value: true }],
    })
    expect(after.observed.cronJob?.slots.suspend).toBe(true)
    expect(after.observed.write).toBeUndefined()
    expect(applier.written(KEY, OLD)).toBeUndefined()
  })

  it('that is refused is learned: of the spec, or of the field `suspend` alone', async () => {
    const { applier } = setUp({ 'create cronjobs': invalid, 'patch cronjobs': invalid })
    const refused = await applier.apply(ATTEMPT, input(), CREATE)
    expect(refused.observed.write).toEqual({ kind: 'refused', message: 'bad zone' })
    const cronJob = liveCronJob(OLD)
    const suspend = write({ kind: 'suspend', cronJob, suspend: true })
    const unsuspended = await applier.apply(ATTEMPT, input({ cronJob }), suspend)
    expect(unsuspended.observed.suspension).toEqual({ message: 'bad zone', recheckAt: NOW + 60_000 })
    expect(unsuspended.observed.write).toBeUndefined()
  })

  it('whose name is taken is read', async () => {
    const taken = new KubeError(409, { reason: 'AlreadyExists', message: 'taken' })
    const theirs = { metadata: { name: 'x', uid: 'theirs' } }
    const { applier, calls } = setUp({ 'create cronjobs': taken, 'get cronjobs': theirs })
    const after = await applier.apply(ATTEMPT, input(), CREATE)
    expect(calls.at(-1)).toMatchObject({ name: 'get cronjobs', object: { name: BODY.metadata.name } })
    expect(after.observed.cronJob).toMatchObject({ uid: 'theirs' })
  })

  it('ends the reconcile with any other failure', async () => {
    const { applier } = setUp({ 'create cronjobs': new KubeError(500, { message: 'etcd' }) })
    expect(await stopOf(applier.apply(ATTEMPT, input(), CREATE))).toMatchObject({ kind: 'backOff' })
  })
})

describe('a repeated write', () => {
  it('is counted by its content, with the field manager of the change', async () => {
    const { applier } = setUp()
    const cronJob = liveCronJob(
      OLD,
      ({ metadata }) => (metadata.managedFields = [{ manager: 'argocd', time: at(0) }]),
    )
    const world = input({ cronJob })
    const first = await applier.apply(ATTEMPT, world, replaceOf('repaired'))
    expect(first.observed.repeated).toBeUndefined()
    const second = await applier.apply(ATTEMPT, world, replaceOf('repaired'))
    expect(second.observed.repeated).toEqual({ times: 1, fieldManager: 'argocd' })
    expect(applier.observedWrites(KEY).repeated).toEqual({ times: 1, fieldManager: 'argocd' })
    const created = await applier.apply(ATTEMPT, world, CREATE)
    expect(created.observed.repeated).toEqual({ times: 2, fieldManager: '' })
  })

  it('is forgotten with the schedule, its record with the status or the term', async () => {
    const { applier } = setUp()
    const twice = async () => {
      await applier.apply(ATTEMPT, input(), replaceOf('updated'))
      return (await applier.apply(ATTEMPT, input(), replaceOf('updated'))).observed.repeated?.times
    }
    expect(await twice()).toBe(1)
    applier.statusWritten(KEY)
    expect([applier.observedWrites(KEY).repeated, applier.written(KEY, OLD)]).toEqual([undefined, undefined])
    expect(await twice()).toBe(3)
    applier.startTerm()
    expect([applier.observedWrites(KEY).repeated, applier.written(KEY, OLD)]).toEqual([undefined, undefined])
    applier.forget(KEY)
    expect(await twice()).toBe(1)
  })
})

it('repairs are limited to twenty in a second, changes by users are not', async () => {
  const { applier } = setUp()
  const repair = (key: string) => applier.apply({ ...ATTEMPT, key }, input(), replaceOf('repaired'))
  for (let n = 0; n < 20; n += 1) await repair(`ns/${n}`)
  const stop = await stopOf(repair('ns/20'))
  expect(stop).toMatchObject({ kind: 'done' })
  expect((stop as { requeueAt: number }).requeueAt - NOW).toBeGreaterThan(0)
  expect((stop as { requeueAt: number }).requeueAt - NOW).toBeLessThanOrEqual(50)
  const known = input({ written: writtenFor(OLD) })
  await applier.apply({ ...ATTEMPT, key: 'ns/21' }, known, replaceOf('updated'))
  await expect(
    stopOf(applier.apply({ ...ATTEMPT, key: 'ns/22' }, input(), replaceOf('updated'))),
  ).resolves.toMatchObject({
    kind: 'done',
  })
})

it('the last write is that of this process for this schedule, else that of the status', async () => {
  const { applier } = setUp()
  await applier.apply(ATTEMPT, input(), replaceOf('updated'))
  const cronJob = { uid: 'u', suspended: false, slotsHash: 'h', slotsSince: at(0) }
  expect(applier.written(KEY, OLD)?.uid).toBe('new')
  expect(applier.written(KEY, schedule({}, { uid: 'another', status: { cronJob } }))).toEqual(cronJob)
})

describe('the Job of a run request', () => {
  const requested = schedule({}, { runRequest: 'today' })
  const job = runNowJob(requested, DEFAULTS)
  const plan = { kind: 'run', job } as Extract<Plan, { kind: 'run' }>

  it('is created, added to the Jobs and expected in the cache', async () => {
    const { applier, names, caches } = setUp({}, requested)
    const after = await applier.apply(ATTEMPT, input({ schedule: requested }), plan)
    expect(names()).toEqual(['get validationschedules', 'create jobs'])
    expect(after.jobs).toMatchObject([{ uid: 'new', name: job.metadata.name }])
    expect(caches.jobs.expectations.size).toBe(1)
  })

  it('that exists is used if the schedule controls it, and else refused', async () => {
    const taken = new KubeError(409, { reason: 'AlreadyExists', message: 'taken' })
    const found = { metadata: { ...job.metadata, uid: 'there' } }
    const ours = setUp({ 'create jobs': taken, 'get jobs': found }, requested)
    const after = await ours.applier.apply(ATTEMPT, input({ schedule: requested }), plan)
    expect(after.jobs).toMatchObject([{ uid: 'there' }])
    const foreign = { metadata: { ...found.metadata, ownerReferences: [] } }
    const theirs = setUp({ 'create jobs': taken, 'get jobs': foreign }, requested)
    const refused = await theirs.applier.apply(ATTEMPT, input({ schedule: requested }), plan)
    expect(refused.jobs).toEqual([])
    expect(refused.observed.run).toEqual({
      message: `the Job ${job.metadata.name} exists and does not belong to this schedule`,
      recheckAt: NOW + 60_000,
    })
  })

  it('that is refused is learned', async () => {
    const { applier } = setUp({ 'create jobs': invalid }, requested)
    const after = await applier.apply(ATTEMPT, input({ schedule: requested }), plan)
    expect(after.observed.run).toEqual({ message: 'bad zone', recheckAt: NOW + 60_000 })
  })
})

it('live reads are made one after the other, and their answers added up', async () => {
  const { applier, names } = setUp({ 'get jobs': new KubeError(404, {}), 'list pods': { items: [] } })
  const reads = [
    { kind: 'job', uid: '1', name: 'j' },
    { kind: 'podsOfJob', uid: '1', name: 'j' },
  ] as const
  const { observed } = await applier.apply(ATTEMPT, input(), { kind: 'read', reads })
  expect(names()).toEqual(['get jobs', 'list pods'])
  expect([observed.jobs.has('1'), observed.pods.get('1')]).toEqual([true, []])
})
