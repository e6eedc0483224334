import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { ValidationScheduleStatus } from '../../../../crds/validation-schedule.ts'
import type { CloudEvent } from '../../../../common/webhook/cloud-event.ts'
import type { Caches } from '../../../../operator/cache/caches.ts'
import { createCaches } from '../../../../operator/cache/caches.ts'
import { systemClock } from '../../../../common/clock.ts'
import { KubeError, NotLeaderError, UnreachableError } from '../../../../operator/kube/errors.ts'
import type { KubeClient } from '../../../../operator/kube/client.ts'
import type { EventInput } from '../../../../operator/kube/events.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import type { CachedSchedule } from '../../../../operator/cache/projections.ts'
import { Notices } from '../../../../operator/notices/notices.ts'
import type { Priority } from '../../../../operator/queue/queue.ts'
import { Reconciler } from '../../../../operator/reconcile/reconcile.ts'
import { DEFAULTS, NOW, at, ended, job, liveCronJob, pod, remembering, schedule } from '../fixtures.ts'

const KEY = 'compliance/nightly'
const log = pino({ enabled: false })

const refused = (status: number, reason = '') => new KubeError(status, { message: 'the words', reason })
const invalid = new KubeError(422, {
  message: 'the words',
  details: { causes: [{ field: 'spec.schedule' }] },
})

/** The schedule has not changed since it was read. */
const LIVE = { metadata: schedule() }

/** The calls made, and what is answered to them; a write is answered with what was sent. */
function fakeApi(answers: Partial<Record<string, (object: KubeObject) => unknown>> = {}) {
  const calls: { call: string; object: KubeObject }[] = []
  let version = 1000
  const call = (verb: string) => async (resource: { plural: string }, object: KubeObject) => {
    const name = `${verb} ${resource.plural}`
    calls.push({ call: name, object })
    const answer = answers[name]?.(object) ?? (name === 'get validationschedules' ? LIVE : undefined)
    if (answer instanceof Error) throw answer
    version += 1
    return (
      answer ?? {
        ...object,
        metadata: {
          ...object.metadata,
          uid: 'new-uid',
          resourceVersion: String(version),
          creationTimestamp: at(0),
        },
      }
    )
  }
  const client = {
    create: call('create'),
    replace: call('replace'),
    replaceStatus: call('status'),
    remove: call('remove'),
    get: call('get'),
    list: call('list'),
  } as unknown as KubeClient
  return { client, calls, names: () => calls.map(({ call }) => call) }
}

type World = { schedule?: CachedSchedule; busy?: boolean; cronJob?: boolean; readable?: boolean }

function reconciler(
  api: ReturnType<typeof fakeApi>,
  {
    schedule: of = schedule({}, { createdAt: at(-1) }),
    busy = false,
    cronJob = false,
    readable = true,
  }: World = {},
) {
  const given = cronJob ? remembering(of) : of
  let passed = 0
  const clock = { ...systemClock, date: () => new Date(NOW + passed) }
  const caches: Caches = createCaches({
    client: api.client,
    namespaces: undefined,
    clock,
    log,
    onChange: () => undefined,
  })
  caches.schedules.store.set(given)
  if (cronJob) caches.cronJobs.store.set(liveCronJob(given))
  // These watches never run: each write has come back at once.
  for (const cache of Object.values(caches)) cache.hasSeen = () => true
  const events: EventInput[] = []
  const notices: CloudEvent[] = []
  const made = new Reconciler({
    client: api.client,
    caches,
    events: { record: (event) => events.push(event) },
    defaults: DEFAULTS,
    coverage: { isReadable: () => readable },
    clock,
    log,
    queue: { isBusy: busy },
    notices: new Notices({ add: (_key, event) => void notices.push(event), clear: () => undefined }),
  })
  return {
    reconcile: (failures = 0, priority: Priority = 'normal') => made.reconcile(KEY, { failures, priority }),
    startTerm: () => made.startTerm(),
    passes: (milliseconds: number) => void (passed += milliseconds),
    caches,
    events,
    notices,
  }
}

describe('a reconcile', () => {
  it('writes the CronJob, then the status at the version it was made from, then tells', async () => {
    const api = fakeApi()
    const { reconcile, events } = reconciler(api)
    expect(await reconcile()).toMatchObject({ kind: 'done', requeueAt: Date.parse('2026-11-25T02:00:10Z') })
    expect(api.names()).toEqual(['create cronjobs', 'status validationschedules'])
    expect(api.calls[1]?.object.metadata).toEqual({
      namespace: 'compliance',
      name: 'nightly',
      uid: 'schedule-uid',
      resourceVersion: '100',
    })
    expect(events).toMatchObject([{ reason: 'CronJobCreated', regarding: { uid: 'schedule-uid' } }])
  })

  it('of a schedule that is gone does nothing', async () => {
    const api = fakeApi()
    const { reconcile, caches } = reconciler(api)
    caches.schedules.store.delete(KEY)
    expect(await reconcile()).toEqual({ kind: 'done' })
    expect(api.calls).toEqual([])
  })

  it('leaves a schedule alone whose namespace cannot be read: what is not shown may be there', async () => {
    const api = fakeApi()
    expect(await reconciler(api, { readable: false }).reconcile()).toEqual({ kind: 'done' })
    expect(api.calls).toEqual([])
  })

  it('takes no Job and no pod of another namespace for its own', async () => {
    const api = fakeApi()
    const { reconcile, caches } = reconciler(api, { cronJob: true })
    const { controller } = job('0')
    const elsewhere = { namespace: 'elsewhere' }
    // The owner references of another namespace name nothing, but for some seconds nobody has looked at them.
    const requested = {
      ...controller!,
      apiVersion: 'rapidrmf.io/v1alpha1',
      kind: 'ValidationSchedule',
      uid: 'schedule-uid',
    }
    for (const uid of ['a', 'b', 'c', 'd', 'e', 'f']) {
      caches.jobs.store.set(job(uid, { ...elsewhere, ...ended(), controller: requested }))
    }
    caches.jobs.store.set(job('x', elsewhere))
    caches.jobs.store.set(job('1'))
    caches.pods.store.set(pod('1', { ...elsewhere, waiting: { reason: 'ErrImagePull', message: 'forged' } }))
    await reconcile()
    expect(api.names()).toEqual(['status validationschedules'])
    const { active } = api.calls[0]!.object['status'] as ValidationScheduleStatus
    expect(active).toEqual([expect.objectContaining({ jobUID: '1' })])
    expect(active?.[0]).not.toHaveProperty('reason')
  })

  it('makes the CronJob and postpones the status while other schedules wait', async () => {
    const api = fakeApi()
    const { reconcile, events } = reconciler(api, { busy: true })
    expect(await reconcile()).toEqual({ kind: 'postponed' })
    expect(api.names()).toEqual(['create cronjobs'])
    await expect(reconciler(api, { busy: true, cronJob: true }).reconcile(0, 'low')).resolves.toMatchObject({
      kind: 'done',
    })
    expect(events).toMatchObject([{ reason: 'CronJobCreated' }])
  })

  it.each([
    ['was refused', invalid, []],
    ['somebody else has made', refused(409, 'AlreadyExists'), ['get cronjobs']],
  ])(
    'does not postpone the status about what %s: it would be tried once more',
    async (_what, error, reads) => {
      const api = fakeApi({
        'create cronjobs': () => error,
        'get cronjobs': () => ({ metadata: { name: 'x', namespace: 'compliance', uid: 'foreign' } }),
      })
      expect((await reconciler(api, { busy: true }).reconcile()).kind).toBe('done')
      expect(api.names()).toEqual(['create cronjobs', ...reads, 'status validationschedules'])
    },
  )

  it('waits until the cache has its last write', async () => {
    const api = fakeApi()
    const { reconcile, caches } = reconciler(api)
    caches.cronJobs.hasSeen = () => false
    caches.cronJobs.expectations.expect(KEY, '5')
    expect(await reconcile()).toEqual({ kind: 'stale' })
    expect(api.calls).toEqual([])
  })

  it('writes once a CronJob that the API server does not keep as it was sent', async () => {
    const spec = { schedule: 'other' }
    const api = fakeApi({
      'create cronjobs': (object) => ({
        ...object,
        metadata: { ...object.metadata, uid: 'u', resourceVersion: '7' },
        spec,
      }),
    })
    const { reconcile, caches } = reconciler(api)
    await reconcile()
    const status = api.calls.at(-1)?.object['status']
    const stored = { ...liveCronJob(schedule(), (object) => (object.spec = spec)), resourceVersion: '7' }
    caches.cronJobs.store.set(stored)
    caches.schedules.store.set({ ...schedule(), status: status as object })
    await reconcile()
    expect(api.names().filter((name) => name.endsWith('cronjobs'))).toEqual(['create cronjobs'])
  })

  it('makes nothing more for a schedule that is gone, whatever happens to its CronJob', async () => {
    const gone = refused(404, 'NotFound')
    const api = fakeApi({ 'status validationschedules': () => gone, 'get validationschedules': () => gone })
    const { reconcile, events, passes } = reconciler(api)
    expect(await reconcile()).toEqual({ kind: 'done', requeueAt: NOW + 60_000 })
    expect(await reconcile()).toEqual({ kind: 'done', requeueAt: NOW + 60_000 })
    expect(api.names()).toEqual(['create cronjobs', 'status validationschedules'])
    passes(60_000)
    await reconcile()
    expect(api.names().slice(2)).toEqual(['get validationschedules'])
    expect(events.map(({ reason }) => reason)).toEqual(['CronJobCreated'])
  })

  it('looks before it makes the first CronJob of an old schedule, which may be gone', async () => {
    const api = fakeApi({ 'get validationschedules': () => refused(404, 'NotFound') })
    const { reconcile } = reconciler(api, { schedule: schedule({}, { createdAt: at(-61) }) })
    expect((await reconcile()).kind).toBe('done')
    expect(api.names()).toEqual(['get validationschedules'])
  })
})

describe('a CronJob that cannot be written', () => {
  const create = (error: Error) => fakeApi({ 'create cronjobs': () => error })

  it('because of the spec: says so in the status', async () => {
    const api = create(invalid)
    const { reconcile, events } = reconciler(api)
    expect((await reconcile()).kind).toBe('done')
    expect(api.names()).toEqual(['create cronjobs', 'status validationschedules'])
    expect(JSON.stringify(api.calls[1]?.object['status'])).toContain('the words')
    expect(events).toMatchObject([{ reason: 'InvalidSpec' }])
  })

  it('because it may not: says so, and looks again later', async () => {
    const api = create(refused(403, 'Forbidden'))
    expect(await reconciler(api).reconcile()).toEqual({ kind: 'done', requeueAt: NOW + 300_000 })
    expect(JSON.stringify(api.calls[1]?.object['status'])).toContain('may not be written: the words')
  })

  it('because of something that lasts: tries again and again, and says so from the fourth time on', async () => {
    const api = create(refused(500, 'InternalError'))
    const { reconcile } = reconciler(api)
    expect(await reconcile(2)).toEqual({ kind: 'backOff', atLeast: 0 })
    expect(api.names()).toEqual(['create cronjobs'])
    expect(await reconcile(3)).toEqual({ kind: 'backOff', atLeast: 0 })
    expect(api.names().slice(1)).toEqual(['create cronjobs', 'status validationschedules'])
    expect(JSON.stringify(api.calls[2]?.object['status'])).toContain('for now: the words')
  })

  it('because the name is taken: looks whose it is', async () => {
    const api = fakeApi({
      'create cronjobs': () => refused(409, 'AlreadyExists'),
      'get cronjobs': () => ({ metadata: { name: 'x', namespace: 'compliance', uid: 'foreign' } }),
    })
    const { reconcile, events } = reconciler(api)
    await reconcile()
    expect(api.names()).toEqual(['create cronjobs', 'get cronjobs', 'status validationschedules'])
    expect(events).toMatchObject([{ reason: 'Conflict' }])
  })

  it.each([
    ['the API server is away', new UnreachableError('no answer'), { kind: 'backOff', atLeast: 0 }],
    ['the API server is busy', new KubeError(429, {}, 3000), { kind: 'backOff', atLeast: 3000 }],
    ['another replica leads', new NotLeaderError('x'), { kind: 'drop' }],
  ])('because %s: says nothing', async (_why, error, result) => {
    const api = create(error)
    expect(await reconciler(api).reconcile()).toEqual(result)
    expect(api.calls).toHaveLength(1)
  })
})

describe('a status that cannot be written', () => {
  it.each([
    ['it has changed', refused(409, 'Conflict'), { kind: 'stale' }],
    ['the schedule is gone', refused(404, 'NotFound'), { kind: 'done', requeueAt: NOW + 60_000 }],
    ['the CRD refuses it', invalid, { kind: 'backOff', atLeast: 0 }],
  ])('because %s: tells no events about it', async (_why, error, result) => {
    const api = fakeApi({ 'status validationschedules': () => error })
    const { reconcile, events } = reconciler(api, {
      cronJob: true,
      schedule: schedule({}, { runRequest: '' }),
    })
    expect(await reconcile()).toEqual(result)
    expect(events).toEqual([])
  })
})

describe('what no run can tell', () => {
  const gone = {
    ...schedule(),
    status: { active: [{ jobUID: 'j', job: 'job-j', trigger: 'Schedule', startTime: at(-60) }] },
  } satisfies CachedSchedule
  const answers = {
    'get jobs': () => refused(404, 'NotFound'),
    'list pods': () => ({ items: [] }),
  }
  const statusOf = (api: ReturnType<typeof fakeApi>) =>
    api.calls.findLast(({ call }) => call === 'status validationschedules')?.object['status']

  it('is told by one write, and once', async () => {
    const api = fakeApi(answers)
    const { reconcile, caches, notices } = reconciler(api, { schedule: gone, cronJob: true })
    await reconcile()
    expect(notices).toMatchObject([{ type: 'io.rapidrmf.run.errored', data: { reason: 'JobDeleted' } }])
    expect(api.names().filter((name) => !/^(get|list)/.test(name))).toEqual(['status validationschedules'])
    caches.schedules.store.set({ ...gone, resourceVersion: '101', status: statusOf(api) as object })
    await reconcile()
    expect(notices).toHaveLength(1)
  })

  it.each([
    ['was refused', refused(409, 'Conflict')],
    ['had no answer', new UnreachableError('x')],
  ])('is told when the status says so, and not when its write %s', async (_what, error) => {
    let isDown = true
    const api = fakeApi({ ...answers, 'status validationschedules': () => (isDown ? error : undefined) })
    const { reconcile, caches, notices } = reconciler(api, { schedule: gone, cronJob: true })
    await reconcile()
    expect(notices).toEqual([])
    isDown = false
    caches.schedules.store.set({ ...gone, resourceVersion: '101', status: statusOf(api) as object })
    await reconcile()
    expect(notices).toHaveLength(1)
  })

  it.each([
    ['long ago: is not told again', -601, 0],
    ['just now, maybe by nobody: is told', -599, 1],
  ])('that an earlier leader has seen, %s', async (_what, ended, count) => {
    const run = { jobUID: 'j', job: 'job-j', trigger: 'Schedule', completionTime: at(ended) } as const
    const recentRuns = [{ ...run, verdict: 'Errored', reason: 'JobDeleted' } as const]
    const seen = schedule({}, { status: { recentRuns } })
    const { reconcile, notices } = reconciler(fakeApi(), { schedule: seen, cronJob: true })
    await reconcile()
    expect(notices).toHaveLength(count)
  })

  it('is told again by a replica that leads again', async () => {
    const api = fakeApi(answers)
    const { reconcile, startTerm, caches, notices } = reconciler(api, { schedule: gone, cronJob: true })
    await reconcile()
    caches.schedules.store.set({ ...gone, resourceVersion: '101', status: statusOf(api) as object })
    startTerm()
    await reconcile()
    expect(notices.map(({ id }) => id)).toEqual([notices[0]?.id, notices[0]?.id])
  })
})

describe('a run request', () => {
  const asked = schedule({}, { runRequest: 'now' })

  it('makes the Job, then acknowledges it', async () => {
    const api = fakeApi()
    await reconciler(api, { schedule: asked, cronJob: true }).reconcile()
    expect(api.names()).toEqual(['get validationschedules', 'create jobs', 'status validationschedules'])
    expect(api.calls[2]?.object['status']).toMatchObject({
      lastHandledRunRequest: 'now',
      active: [{ trigger: 'Manual' }],
    })
  })

  it.each([
    ['has no answer, and may be there: is told of', new UnreachableError('x'), ['RunStarted']],
    ['is refused: is not told of', refused(409, 'Conflict'), []],
  ])('whose acknowledgement %s', async (_what, error, told) => {
    const api = fakeApi({ 'status validationschedules': () => error })
    const { reconcile, events } = reconciler(api, { schedule: asked, cronJob: true })
    await reconcile()
    expect(events.map(({ reason }) => reason)).toEqual(told)
  })

  it('is acknowledged at once, also while other schedules wait', async () => {
    const api = fakeApi()
    const { reconcile } = reconciler(api, { schedule: asked, cronJob: true, busy: true })
    expect((await reconcile()).kind).toBe('done')
    expect(api.names().slice(1)).toEqual(['create jobs', 'status validationschedules'])
  })

  it('whose Job was made before a crash is acknowledged', async () => {
    let made: KubeObject | undefined
    const api = fakeApi({
      'create jobs': (object) => {
        made = { ...object, metadata: { ...object.metadata, uid: 'j', creationTimestamp: at(-1) } }
        return refused(409, 'AlreadyExists')
      },
      'get jobs': () => made,
    })
    await reconciler(api, { schedule: asked, cronJob: true }).reconcile()
    expect(api.names()).toEqual([
      'get validationschedules',
      'create jobs',
      'get jobs',
      'status validationschedules',
    ])
  })

  it('waits for the cache where the schedule has changed since', async () => {
    const api = fakeApi({
      'get validationschedules': () => ({ metadata: { ...schedule(), resourceVersion: '999999' } }),
    })
    const { reconcile } = reconciler(api, { schedule: asked, cronJob: true })
    expect(await reconcile()).toEqual({ kind: 'stale' })
    expect(api.names()).toEqual(['get validationschedules'])
  })

  it.each([
    [
      'somebody else’s Job has the name',
      refused(409, 'AlreadyExists'),
      0,
      { kind: 'done', requeueAt: NOW + 60_000 },
    ],
    ['the Job is refused', refused(403, 'Forbidden'), 0, { kind: 'done', requeueAt: NOW + 60_000 }],
    ['the API server fails for long', refused(500), 3, { kind: 'backOff', atLeast: 0 }],
  ])('is not acknowledged, told of, and tried again when %s', async (_why, error, failures, result) => {
    const api = fakeApi({
      'create jobs': () => error,
      'get jobs': () => ({ metadata: { name: 'x', namespace: 'compliance' } }),
    })
    const { reconcile, events } = reconciler(api, { schedule: asked, cronJob: true })
    expect(await reconcile(failures)).toEqual(result)
    expect(api.calls.at(-1)?.object['status']).toHaveProperty('conditions')
    expect(api.calls.at(-1)?.object['status']).not.toHaveProperty('lastHandledRunRequest')
    expect(events).toMatchObject([{ reason: 'RunStuck' }])
  })
})
