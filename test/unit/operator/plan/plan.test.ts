import { describe, expect, it } from 'vitest'
import type { ValidationScheduleStatus } from '../../../../crds/validation-schedule.ts'
import { projectJob } from '../../../../operator/cache/projections.ts'
import type { CachedJob, CachedPod } from '../../../../operator/cache/projections.ts'
import { NOTHING_OBSERVED } from '../../../../operator/plan/inputs/live-reads.ts'
import { runNowName } from '../../../../operator/values/names.ts'
import { plan } from '../../../../operator/plan/plan.ts'
import type { PlanInput } from '../../../../operator/plan/plan.ts'
import {
  DEFAULTS,
  NOW,
  at,
  condition,
  ended,
  endedPod,
  input,
  job,
  liveCronJob,
  pod,
  schedule,
  summary,
} from '../fixtures.ts'
import type { Raw } from '../fixtures.ts'
import { carryOut } from '../simulation.ts'

const reasons = (events: readonly { reason: string }[]) => events.map(({ reason }) => reason)
/** `nightly` with its CronJob and a status that says so. */
function settledWorld(change: Partial<PlanInput> = {}): PlanInput {
  const of = change.schedule ?? schedule()
  return carryOut(input({ schedule: of, cronJob: liveCronJob(of), ...change })).after
}

describe('a schedule', () => {
  it('gets its CronJob by one write, and one status', () => {
    const { plans, settled, events } = carryOut(input())
    expect(plans.map(({ kind }) => kind)).toEqual(['write', 'settled'])
    expect(reasons(events)).toEqual(['CronJobCreated'])
    expect(condition(settled?.status, 'Accepted')).toBe('True/Valid')
    expect(condition(settled?.status, 'Ready')).toBe('True/CronJobReady')
    expect(condition(settled?.status, 'Stalled')).toBe('False/NotStalled')
    expect(condition(settled?.status, 'RunSucceeded')).toBe('Unknown/NoRunYet')
    expect(condition(settled?.status, 'Compliant')).toBe('Unknown/NoRunYet')
    expect(settled?.status).toMatchObject({
      observedGeneration: 1,
      cronJobName: liveCronJob(schedule()).name,
      nextScheduleTime: '2026-11-25T02:00:00Z',
    })
  })

  it('leaves nothing to do when nothing changes', () => {
    const world = settledWorld()
    const { settled, events, plans } = carryOut(world)
    expect(plans).toHaveLength(1)
    expect(settled?.status).toBeUndefined()
    expect(events).toEqual([])
  })

  it('changes its CronJob with the spec', () => {
    const world = settledWorld()
    const changed = {
      ...schedule({ schedule: '0 5 * * *' }, { generation: 2 }),
      status: world.schedule.status,
    }
    const { settled, events } = carryOut({ ...world, schedule: changed })
    expect(events).toMatchObject([
      { reason: 'CronJobUpdated', note: expect.stringContaining('generation 2 of the schedule') },
    ])
    expect(settled?.status).toMatchObject({ observedGeneration: 2, nextScheduleTime: '2026-11-24T05:00:00Z' })
  })

  it('that is being deleted is left alone, also without a CronJob', () => {
    expect(plan(input({ schedule: schedule({}, { deleting: true }) }))).toEqual({ kind: 'nothing' })
  })

  it('that is suspended is ready, and has no next slot', () => {
    const { settled } = carryOut(input({ schedule: schedule({ suspend: true }) }))
    expect(condition(settled?.status, 'Ready')).toBe('True/Suspended')
    expect(settled?.status).not.toHaveProperty('nextScheduleTime')
    expect(settled?.requeueAt).toBeUndefined()
  })

  it('that never fires says so', () => {
    const { settled, events, after } = carryOut(input({ schedule: schedule({ schedule: '0 0 30 2 *' }) }))
    expect(condition(settled?.status, 'Accepted')).toBe('True/NeverFires')
    expect(condition(settled?.status, 'Ready')).toBe('True/NeverFires')
    expect(reasons(events)).toEqual(['CronJobCreated', 'NeverFires'])
    expect(carryOut({ ...after, now: NOW + 60_000 }).events).toEqual([])
  })

  it.each(['Factory', 'posix/Europe/Berlin', 'localtime'])(
    'in a zone that only Go knows (%s) says so',
    (timeZone) => {
      const { settled } = carryOut(input({ schedule: schedule({ timeZone }) }))
      expect(condition(settled?.status, 'Accepted')).toBe('True/NextRunUnknown')
      expect(settled?.status).not.toHaveProperty('nextScheduleTime')
    },
  )

  it('keeps the time of a transition while nothing but words change', () => {
    const world = settledWorld()
    const later = { ...world, now: NOW + 60_000, schedule: { ...world.schedule, generation: 2 } }
    const { settled } = carryOut(later)
    const accepted = settled?.status?.conditions?.find(({ type }) => type === 'Accepted')
    expect(accepted).toMatchObject({ observedGeneration: 2, lastTransitionTime: at(0) })
  })
})

describe('a spec that is refused', () => {
  const refused = (message = 'spec.schedule: end of range (25) above maximum (23)') => ({
    ...NOTHING_OBSERVED,
    write: { kind: 'refused', message } as const,
  })

  it('leaves the last good CronJob, and says why in the API server’s words', () => {
    const world = settledWorld()
    const bad = { ...schedule({ schedule: '0 25 * * *' }, { generation: 2 }), status: world.schedule.status }
    const { settled, events } = carryOut({ ...world, schedule: bad, observed: refused() })
    expect(condition(settled?.status, 'Accepted')).toBe('False/InvalidSpec')
    expect(condition(settled?.status, 'Ready')).toBe('False/InvalidSpec')
    expect(condition(settled?.status, 'Stalled')).toBe('True/InvalidSpec')
    expect(settled?.status?.conditions?.[0]?.message).toContain('end of range (25)')
    expect(settled?.status?.cronJobName).toBe(world.cronJob?.name)
    expect(reasons(events)).toEqual(['InvalidSpec'])
  })

  it('is not tried again until it changes', () => {
    const { after } = carryOut(input({ observed: refused() }))
    const again = { ...after, observed: NOTHING_OBSERVED }
    expect(carryOut(again).plans).toMatchObject([{ kind: 'settled', status: undefined }])
    const corrected = { ...again.schedule, generation: 2 }
    expect(carryOut({ ...again, schedule: corrected }).plans[0]).toMatchObject({ kind: 'write' })
  })

  it('in a text of any length is told all the same, once, and in one line', () => {
    const { settled, after } = carryOut(
      input({ observed: refused(`unknown field "${'z\n'.repeat(40_000)}"`) }),
    )
    const messages = settled?.status?.conditions?.map(({ message }) => message) ?? []
    expect(messages.filter((message) => message.length > 8_192 || message.includes('\n'))).toEqual([])
    expect(condition(settled?.status, 'Stalled')).toBe('True/InvalidSpec')
    const again = { ...after, observed: NOTHING_OBSERVED }
    expect(carryOut(again).plans).toMatchObject([{ kind: 'settled', status: undefined, events: [] }])
  })

  it('has its last good CronJob looked for, where no watch shows it', () => {
    const { after } = carryOut({ ...settledWorld(), observed: refused() })
    const { cronJob } = settledWorld()
    expect(plan({ ...after, observed: NOTHING_OBSERVED })).toMatchObject({ requeueAt: undefined })
    const unlabelled = { ...after, cronJob: undefined, observed: { ...NOTHING_OBSERVED, cronJob } }
    expect(plan(unlabelled)).toMatchObject({ status: undefined, requeueAt: NOW + 60_000 })
    const gone = { ...after, cronJob: undefined, observed: { ...NOTHING_OBSERVED, cronJob: null } }
    expect(plan(gone)).toMatchObject({ status: expect.anything(), requeueAt: undefined })
  })

  it('by the operator’s limits is not even tried', () => {
    const own = schedule({ job: { pod: { image: 'evil.example/x' } } })
    const defaults = { ...DEFAULTS, allowedImages: ['registry.example/*'] }
    const { plans, settled } = carryOut(input({ schedule: own, defaults }))
    expect(plans).toHaveLength(1)
    expect(condition(settled?.status, 'Stalled')).toBe('True/NotAllowed')
  })
})

describe('the brake of a spec that cannot be used', () => {
  const world = settledWorld()
  const message = (status: ValidationScheduleStatus | undefined): string =>
    status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
  /** The same schedule with another spec, which the API server has refused. */
  const refused = (spec: object, from: PlanInput = world): PlanInput => ({
    ...from,
    schedule: schedule(
      { timeZone: 'Mars/Base', ...spec },
      { generation: from.schedule.generation + 1, status: from.schedule.status },
    ),
    observed: { ...NOTHING_OBSERVED, write: { kind: 'refused', message: 'unknown time zone Mars/Base' } },
  })

  it('is the one field that is written, at the version that was seen; and it is let go the same way', () => {
    const running = carryOut(refused({}))
    expect(running.plans.map(({ kind }) => kind)).toEqual(['settled'])
    const braked = carryOut({ ...refused({ suspend: true }, running.after) })
    expect(braked.plans[0]).toMatchObject({
      kind: 'write',
      step: { kind: 'suspend', suspend: true, cronJob: { resourceVersion: '200' } },
    })
    expect(reasons(braked.events)).toContain('CronJobUpdated')
    expect(braked.settled?.status?.cronJob).toMatchObject({ suspended: true })
    expect(message(braked.settled?.status)).toContain('is suspended')
    const letGo = carryOut({ ...refused({}, braked.after) })
    expect(letGo.plans[0]).toMatchObject({ kind: 'write', step: { kind: 'suspend', suspend: false } })
    expect(letGo.settled?.status?.cronJob).toMatchObject({ suspended: false })
  })

  it('says why it does not hold', () => {
    const start = refused({ suspend: true })
    const suspension = { message: 'patch is forbidden', recheckAt: NOW + 60_000 }
    const { settled } = carryOut({ ...start, observed: { ...start.observed, suspension } })
    expect(message(settled?.status)).toContain('not suspended, and cannot be: patch is forbidden')
    expect(settled?.status?.cronJob).toMatchObject({ suspended: false })
    expect(settled?.requeueAt).toBe(NOW + 60_000)
  })

  it('stops the CronJob of a deleted schedule of this name, which cannot be taken over', () => {
    const orphan = liveCronJob(schedule({}, { uid: 'older' }))
    const young = { ...refused({}).schedule, createdAt: at(-4), status: {} }
    const start = { ...refused({}), schedule: young, cronJob: orphan, written: undefined }
    const waiting = carryOut(start)
    expect(waiting.plans).toHaveLength(1)
    expect(waiting.settled?.requeueAt).toBe(NOW + 6000)
    const stopped = carryOut({ ...start, now: NOW + 6000 })
    expect(stopped.plans[0]).toMatchObject({ kind: 'write', step: { kind: 'suspend', suspend: true } })
    expect(message(stopped.settled?.status)).toBe('there is no CronJob')
    expect(stopped.settled?.status).not.toHaveProperty('cronJob')
  })

  it('is put on by the operator where its limits do not allow the spec, until they do', () => {
    const limited = { ...world, defaults: { ...DEFAULTS, allowedImages: ['other.example/*'] } }
    const own = { job: { pod: { image: 'registry.example/own:1' } } }
    const asked = schedule(own, { generation: 2, status: world.schedule.status })
    const stopped = carryOut({ ...limited, schedule: asked })
    expect(stopped.plans.map(({ kind }) => kind)).toEqual(['write', 'settled'])
    expect(message(stopped.settled?.status)).toContain('suspended until the spec is allowed')
    expect(condition(stopped.settled?.status, 'Stalled')).toBe('True/NotAllowed')
    expect(carryOut(stopped.after).plans).toMatchObject([{ kind: 'settled', status: undefined }])

    const morning = NOW + 86_400_000
    const missed = carryOut({ ...stopped.after, now: morning, plannedAt: morning - 82_000_000 })
    expect(missed.events).toMatchObject([
      { reason: 'SlotSkipped', note: expect.stringContaining('do not allow the spec') as string },
    ])
    expect(missed.settled?.requeueAt).toBeGreaterThan(morning)

    const allowed = carryOut({ ...stopped.after, defaults: DEFAULTS })
    expect(allowed.plans[0]).toMatchObject({ kind: 'write', step: { kind: 'replace', why: 'updated' } })
    expect(allowed.settled?.status?.cronJob).toMatchObject({ suspended: false })
  })
})

describe('a CronJob', () => {
  const world = settledWorld()

  it('that was edited is repaired, at the version that was seen', () => {
    const cronJob = liveCronJob(schedule(), ({ spec, metadata }) => {
      spec.suspend = true
      metadata.managedFields.push({ manager: 'kubectl-edit', time: at(0), fieldsV1: {} })
    })
    const first = plan({ ...world, cronJob })
    expect(first).toMatchObject({
      kind: 'write',
      step: {
        kind: 'replace',
        why: 'repaired',
        difference: expect.stringContaining('kubectl-edit') as string,
        body: { metadata: { resourceVersion: '200', uid: 'cron-job-uid' } },
      },
    })
    expect(reasons(carryOut({ ...world, cronJob }).events)).toEqual(['CronJobRepaired'])
  })

  it.each([
    ['keeps the time since when it fires so, whatever else changes', { backoffLimit: 0 }, {}, at(0)],
    ['fires anew from now on with another schedule', {}, { schedule: '0 5 * * *' }, at(3600)],
    ['fires anew from now on in another zone', {}, { timeZone: 'Asia/Tokyo' }, at(3600)],
    ['fires anew from now on when it is resumed', {}, { suspend: false }, at(3600)],
  ])('%s', (_what, job, spec, since) => {
    const before = settledWorld({ schedule: schedule({ suspend: 'suspend' in spec }) })
    const { status } = before.schedule
    const changed = schedule({ suspend: 'suspend' in spec, job, ...spec }, { generation: 2, status })
    const { settled } = carryOut({ ...before, schedule: changed, now: NOW + 3_600_000 })
    expect(settled?.status?.cronJob).toMatchObject({ slotsSince: since })
  })

  it('is updated, not repaired, when the operator itself wants something else', () => {
    const { events } = carryOut({ ...world, defaults: { image: 'registry.example/rapidrmf:1.2.4' } })
    expect(events).toMatchObject([
      {
        reason: 'CronJobUpdated',
        note: expect.stringContaining('the operator or its configuration') as string,
      },
    ])
  })

  it('that was deleted is made again', () => {
    const { events, settled } = carryOut({ ...world, cronJob: undefined })
    expect(reasons(events)).toEqual(['CronJobRepaired'])
    expect(settled?.status).toBeUndefined()
  })

  it('that lost its label is found by its name, and gets it back', () => {
    const cronJob = liveCronJob(schedule(), (object) => (object.metadata.labels = { mine: 'x' }))
    const observed = { ...NOTHING_OBSERVED, cronJob }
    expect(plan({ ...world, cronJob: undefined, observed })).toMatchObject({
      kind: 'write',
      step: {
        kind: 'replace',
        body: { metadata: { labels: { mine: 'x', 'rapidrmf.io/schedule-uid': 'schedule-uid' } } },
      },
    })
  })

  it('without an owner that has our label is taken over', () => {
    const cronJob = liveCronJob(schedule(), ({ metadata }) => {
      metadata.ownerReferences = undefined
      metadata.labels['rapidrmf.io/schedule-uid'] = 'an older uid'
      metadata.uid = 'unknown'
    })
    expect(plan({ ...world, cronJob })).toMatchObject({ kind: 'write', step: { why: 'adopted' } })
  })

  it('without owner and labels is still ours, if the status knows its UID', () => {
    const cronJob = liveCronJob(schedule(), ({ metadata }) => {
      Object.assign(metadata, { ownerReferences: undefined, labels: {}, annotations: {} })
    })
    expect(plan({ ...world, cronJob })).toMatchObject({ kind: 'write', step: { why: 'repaired' } })
  })

  it('of a deleted schedule of the same name is waited for, but not for long', () => {
    const young = schedule({}, { createdAt: at(-4) })
    const cronJob = liveCronJob(schedule({}, { uid: 'older' }))
    const { settled, plans, after } = carryOut(input({ schedule: young, cronJob, written: undefined }))
    expect(plans).toHaveLength(1)
    const ready = settled?.status?.conditions?.find(({ type }) => type === 'Ready')
    expect(ready).toMatchObject({ status: 'False', reason: 'WaitingForCleanup' })
    expect(ready?.message).not.toContain('until the CronJob')
    expect(settled?.requeueAt).toBe(NOW + 6000)
    const later = carryOut({ ...after, now: NOW + 6000 })
    expect(later.plans[0]).toMatchObject({
      kind: 'write',
      step: {
        why: 'adopted',
        body: {
          metadata: {
            uid: 'cron-job-uid',
            resourceVersion: '200',
            labels: { 'rapidrmf.io/schedule-uid': 'schedule-uid' },
            ownerReferences: [{ uid: 'schedule-uid', controller: true }],
          },
        },
      },
    })
    expect(condition(later.settled?.status, 'Ready')).toBe('True/CronJobReady')
  })

  it('of which a Job of an earlier schedule goes on says what its next slot waits for', () => {
    const messageOf = (ofCronJob: readonly CachedJob[]) =>
      carryOut({ ...world, ofCronJob }).after.schedule.status.conditions?.[1]?.message
    const old = job('1', { scheduleUid: 'older' })
    expect(messageOf([old])).toContain(`waits for ${old.name}, of a deleted schedule`)
    expect(carryOut({ ...world, ofCronJob: [old] }).settled?.status).not.toHaveProperty('active')
    const many = Array.from({ length: 10_000 }, (_, index) => job(`old-${index}`, { scheduleUid: 'older' }))
    expect(messageOf(many)).toContain('and 9997 more')
    expect(messageOf(many)?.length).toBeLessThan(500)
    expect(messageOf([{ ...old, ...ended() }, job('2')])).toBe('the CronJob is what the spec asks for')
  })

  it('that is being deleted is waited for, however long, and what holds it is named', () => {
    const cronJob = liveCronJob(schedule(), ({ metadata }) => {
      Object.assign(metadata, { deletionTimestamp: at(-60), finalizers: ['example.com/held'] })
    })
    const { settled, plans } = carryOut({ ...world, cronJob })
    expect(plans).toHaveLength(1)
    expect(settled?.status?.conditions).toContainEqual(
      expect.objectContaining({
        reason: 'WaitingForCleanup',
        message: expect.stringContaining('is deleted; its finalizers hold it: example.com/held') as string,
      }),
    )
    expect(settled?.requeueAt).toBe(NOW + 5000)
  })

  it.each<[string, (object: Raw) => unknown]>([
    [
      'of nobody',
      ({ metadata }) => Object.assign(metadata, { ownerReferences: undefined, labels: {}, uid: 'theirs' }),
    ],
    [
      'of somebody else',
      (object) => Object.assign(object.metadata.ownerReferences[0], { uid: 'x', kind: 'App', name: 'shop' }),
    ],
  ])('%s is a conflict and stays untouched', (_what, change) => {
    const cronJob = liveCronJob(schedule(), change)
    const conflict = carryOut({ ...world, cronJob })
    expect(conflict.plans).toHaveLength(1)
    expect(condition(conflict.settled?.status, 'Stalled')).toBe('True/Conflict')
    expect(condition(conflict.settled?.status, 'Accepted')).toBe('True/Valid')
    expect(reasons(conflict.events)).toEqual(['Conflict'])
    // Once known, it is looked at and not collided with.
    expect(plan({ ...conflict.after, cronJob: undefined })).toMatchObject({
      kind: 'read',
      reads: [{ kind: 'cronJob' }],
    })
    const gone = carryOut({ ...conflict.after, cronJob: undefined })
    expect(condition(gone.settled?.status, 'Ready')).toBe('True/CronJobReady')
  })
})

describe('a run', () => {
  const world = settledWorld()

  it('that starts is one change, and none while it goes on', () => {
    const started = carryOut({
      ...world,
      jobs: [job('1', { startTime: undefined, activePods: 0, createdAt: at(-1), slot: at(-1) })],
    })
    expect(started.settled?.status?.active).toEqual([
      { jobUID: '1', job: job('1').name, trigger: 'Schedule', scheduledTime: at(-1), startTime: at(-1) },
    ])
    expect(started.settled?.status?.lastScheduleTime).toBe(at(-1))
    expect(reasons(started.events)).toEqual(['RunStarted'])
    const later = carryOut({
      ...started.after,
      jobs: [job('1', { startTime: at(1), createdAt: at(-1), slot: at(-1) })],
      pods: [pod('1')],
    })
    expect(later.settled?.status).toBeUndefined()
    expect(later.events).toEqual([])
  })

  it('that ends is mirrored in one change, and survives its Job', () => {
    const running = carryOut({ ...world, jobs: [job('1')], pods: [pod('1')] }).after
    const over = carryOut({ ...running, jobs: [job('1', ended())], pods: [endedPod('1', summary('1'))] })
    // The one read is that of the Job's pods, which the caches do not keep.
    expect(over.plans.map(({ kind }) => kind)).toEqual(['read', 'settled'])
    expect(reasons(over.events)).toEqual(['RunFoundFailures'])
    expect(over.settled?.status).toMatchObject({
      lastRun: {
        jobUID: '1',
        runId: '1207',
        verdict: 'Findings',
        completionTime: at(-3000),
        late: false,
        counts: { notPass: 4 },
      },
      recentRuns: [{ jobUID: '1', verdict: 'Findings', pass: 8, notPass: 4 }],
      lastCompletedTime: at(-3000),
    })
    expect(over.settled?.status).not.toHaveProperty('active')
    expect(condition(over.settled?.status, 'RunSucceeded')).toBe('True/RunCompleted')
    expect(condition(over.settled?.status, 'Compliant')).toBe('False/ControlsNotPassed')
    const { settled, events } = carryOut({ ...over.after, jobs: [], pods: [] })
    expect(settled?.status).toBeUndefined()
    expect(events).toEqual([])
  })

  it('of which no summary is seen is asked for once', () => {
    const over = carryOut({ ...world, jobs: [job('1', ended())] })
    expect(over.plans.map(({ kind }) => kind)).toEqual(['read', 'settled'])
    expect(over.settled?.status?.lastRun).toMatchObject({ verdict: 'Unknown', reason: 'SummaryLost' })
    expect(condition(over.settled?.status, 'RunSucceeded')).toBe('Unknown/RunUnknown')
    expect(carryOut(over.after).plans.map(({ kind }) => kind)).toEqual(['settled'])
  })

  it('whose Job vanishes was deleted, if it is really gone', () => {
    const running = carryOut({ ...world, jobs: [job('1')], pods: [pod('1')] }).after
    const gone = carryOut({ ...running, jobs: [], pods: [] })
    expect(gone.plans.map(({ kind }) => kind)).toEqual(['read', 'read', 'settled'])
    expect(gone.settled?.status?.lastRun).toMatchObject({
      jobUID: '1',
      verdict: 'Errored',
      reason: 'JobDeleted',
      completionTime: at(0),
    })
    const stale = {
      ...running,
      jobs: [],
      pods: [],
      observed: { ...NOTHING_OBSERVED, jobs: new Map([['1', job('1')]]) },
    }
    const waited = carryOut(stale)
    expect(waited.settled?.status).toBeUndefined()
    expect(waited.settled?.requeueAt).toBe(NOW + 5000)
  })

  it('that is not ours is not mirrored', () => {
    const cronJob = job('0').controller!
    const self = { apiVersion: 'rapidrmf.io/v1alpha1', kind: 'ValidationSchedule', name: 'nightly' }
    const controlledBy = (controller: object) => ({ controller: { ...cronJob, ...controller } })
    const strangers = [
      job('1', { controller: undefined }),
      job('2', controlledBy({ name: 'other', uid: 'x' })),
      job('3', { scheduleUid: 'other' }),
      job('4', { namespace: 'elsewhere' }),
      // The right name proves nothing, nor does the right UID of another kind of object.
      job('5', controlledBy({ uid: 'uid-of-an-earlier-one' })),
      job('6', controlledBy({ kind: 'Job' })),
      job('7', controlledBy({ apiVersion: 'example.com/v1' })),
      job('8', controlledBy({ ...self, uid: 'an-earlier-schedule' })),
      job('9', controlledBy({ apiVersion: 'v1', kind: 'ConfigMap', uid: 'schedule-uid' })),
    ]
    expect(carryOut({ ...world, jobs: strangers }).settled?.status).toBeUndefined()
    // A CronJob that has our name and is not controlled by the schedule has no runs of ours.
    const foreign = liveCronJob(schedule(), ({ metadata }) => {
      Object.assign(metadata.ownerReferences[0], { uid: 'x', kind: 'App' })
    })
    const { settled } = carryOut({ ...world, cronJob: foreign, jobs: [job('1')] })
    expect(settled?.status).not.toHaveProperty('active')
  })

  it('that the status names stays ours when its CronJob is another one by now', () => {
    const running = carryOut({ ...world, jobs: [job('1')], pods: [pod('1')] }).after
    const cronJob = liveCronJob(schedule(), ({ metadata }) => (metadata.uid = 'made-again'))
    const still = carryOut({ ...running, cronJob })
    expect(still.after.schedule.status.active).toEqual(running.schedule.status.active)
    const over = carryOut({
      ...running,
      cronJob,
      jobs: [job('1', ended())],
      pods: [endedPod('1', summary('1'))],
    })
    expect(over.settled?.status?.lastRun).toMatchObject({ jobUID: '1', verdict: 'Findings' })
  })

  it('of a Job made by kubectl is Manual', () => {
    expect(
      carryOut({ ...world, jobs: [job('1', { slot: undefined })] }).settled?.status?.active,
    ).toMatchObject([{ trigger: 'Manual' }])
  })

  it.each([
    [0, false],
    [9, false],
    [10, true],
    [250, true],
  ])('%d s after its slot: late is %j', (seconds, late) => {
    const over = job('1', { ...ended(), slot: at(-3600), createdAt: at(-3600 + seconds) })
    const { settled } = carryOut({ ...world, jobs: [over], pods: [endedPod('1', summary('1'))] })
    expect(settled?.status?.lastRun?.late).toBe(late)
  })

  it('reads a slot that is written in another zone', () => {
    const { settled } = carryOut({ ...world, jobs: [job('1', { slot: '2026-11-24T03:00:00+01:00' })] })
    expect(settled?.status?.lastScheduleTime).toBe('2026-11-24T02:00:00Z')
  })
})

describe('a run that does not get on', () => {
  const world = settledWorld()
  const stuckPod = (reason: string, message: string) =>
    pod('1', { phase: 'Pending', waiting: { reason, message } })

  it('says why, once', () => {
    const first = carryOut({ ...world, jobs: [job('1')], pods: [stuckPod('ErrImagePull', 'not found')] })
    expect(first.settled?.status?.active).toMatchObject([
      { reason: 'ImagePullBackOff', message: 'not found' },
    ])
    expect(reasons(first.events)).toEqual(['RunStarted', 'RunStuck'])
    const second = carryOut({ ...first.after, pods: [stuckPod('ImagePullBackOff', 'back-off 20s')] })
    expect(second.settled?.status).toBeUndefined()
    const third = carryOut({ ...second.after, pods: [pod('1')] })
    expect(third.settled?.status?.active?.[0]).not.toHaveProperty('reason')
    // The deadline deletes the pod first.
    const going = carryOut({ ...first.after, pods: [endedPod('1', '')] })
    expect(going.settled?.status).toBeUndefined()
    const alone = carryOut({ ...going.after, pods: [] })
    expect(alone.settled?.status).toBeUndefined()
    const dead = carryOut({
      ...alone.after,
      jobs: [job('1', ended('Failed', -1, 'DeadlineExceeded'))],
      pods: [],
    })
    expect(dead.settled?.status?.lastRun?.message).toContain('ImagePullBackOff: not found')
  })

  it('names the missing node', () => {
    const pods = [
      pod('1', { phase: 'Pending', unschedulable: { reason: 'Unschedulable', message: '0/3 nodes' } }),
    ]
    expect(carryOut({ ...world, jobs: [job('1')], pods }).settled?.status?.active).toMatchObject([
      { reason: 'Unschedulable' },
    ])
  })

  it('may wait for a node of an autoscaler for five minutes, or half of its deadline, and nothing is said of it', () => {
    const unschedulable = { reason: 'Unschedulable', message: '0/3 nodes' }
    const waiting = (seconds: number, activeDeadlineSeconds = 14_400) => {
      const { schedule: of, ...rest } = world
      const spec = schedule({ job: { activeDeadlineSeconds } }).spec
      const pods = [pod('1', { phase: 'Pending', unschedulable, createdAt: at(-seconds) })]
      const { settled, events } = carryOut({ ...rest, schedule: { ...of, spec }, jobs: [job('1')], pods })
      return { ...settled, reasons: reasons(events).filter((reason) => reason.startsWith('Run')) }
    }
    for (const [early, late, deadline] of [
      [299, 300, 14_400],
      [29, 30, 60],
    ] as const) {
      const fresh = waiting(early, deadline)
      expect(fresh.status?.active?.[0]).not.toHaveProperty('reason')
      expect(fresh).toMatchObject({ reasons: ['RunStarted'], notices: [], requeueAt: NOW + 1000 })
      expect(waiting(late, deadline)).toMatchObject({
        status: { active: [{ reason: 'Unschedulable' }] },
        reasons: ['RunStarted', 'RunStuck'],
        notices: [{ type: 'run.stuck', reason: 'Unschedulable' }],
      })
    }
  })

  it('gets on as long as one of its workers does', () => {
    const unschedulable = { reason: 'Unschedulable', message: '0/3 nodes' }
    const stuck = pod('1', { index: '1', phase: 'Pending', unschedulable, createdAt: at(-600) })
    const active = (...pods: CachedPod[]) =>
      carryOut({ ...world, jobs: [job('1')], pods }).settled?.status?.active?.[0]
    expect(active(stuck, pod('1', { index: '0' }))).not.toHaveProperty('reason')
    expect(active(stuck, pod('1', { index: '0', phase: 'Pending', unschedulable }))).toMatchObject(
      unschedulable,
    )
    // A pod on its way out is none that works, where another has come in its place.
    expect(active(stuck, pod('1', { index: '1', createdAt: at(-999) }))).toMatchObject(unschedulable)
  })

  it('is queued while its Job is suspended', () => {
    const { settled, events } = carryOut({
      ...world,
      jobs: [job('1', { suspended: true, activePods: 0, startTime: undefined })],
    })
    expect(settled?.status?.active).toMatchObject([{ reason: 'Queued' }])
    expect(settled?.status?.active?.[0]).not.toHaveProperty('startTime')
    expect(reasons(events)).toEqual(['RunStarted'])
  })

  it('without any pod asks the Job’s events after a while', () => {
    const fresh = { ...world, jobs: [job('1', { activePods: 0, startTime: at(-5) })] }
    expect(carryOut(fresh).plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(carryOut(fresh).settled?.requeueAt).toBe(NOW + 5000)
    const old = { ...world, jobs: [job('1', { activePods: 0 })] }
    expect(carryOut(old).plans[0]).toMatchObject({
      kind: 'read',
      reads: [{ kind: 'warningsOfJob', uid: '1' }],
    })
    const warnings = new Map([['1', [{ reason: 'FailedCreate', message: 'exceeded quota' }]]])
    const told = carryOut({ ...old, observed: { ...NOTHING_OBSERVED, warnings } })
    expect(told.settled?.status?.active).toMatchObject([
      { reason: 'FailedCreate', message: 'exceeded quota' },
    ])
    const later = { ...told.after, observed: NOTHING_OBSERVED }
    expect(carryOut(later).settled?.status).toBeUndefined()
    expect(carryOut({ ...later, pods: [pod('1')] }).settled?.status?.active?.[0]).not.toHaveProperty('reason')
  })
})

describe('a Job that has ended but for the last word of its controller', () => {
  const world = settledWorld()
  const object = { metadata: { name: 'nightly-1', namespace: 'compliance', uid: '1' } }
  const withStatus = (status: object): CachedJob => {
    const { activePods, endedPods, ending } = projectJob({ ...object, status })
    return job('1', { activePods, endedPods, ending })
  }

  // What the API server shows between the end of a pod and that of its Job: the pod is counted nowhere yet.
  it.each([
    ['a failed pod without a count', { uncountedTerminatedPods: { failed: ['a'] } }],
    ['a successful pod without a count', { uncountedTerminatedPods: { succeeded: ['a'] } }],
    ['a failure that is decided', { conditions: [{ type: 'FailureTarget', status: 'True' }] }],
    ['a success that is decided', { conditions: [{ type: 'SuccessCriteriaMet', status: 'True' }] }],
  ])('is not asked what it waits for: %s', (_what, status) => {
    const { plans, settled, events } = carryOut({ ...world, jobs: [withStatus(status)] })
    expect(plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(settled?.status?.active?.[0]).not.toHaveProperty('reason')
    expect(reasons(events)).toEqual(['RunStarted'])
    expect(settled?.notices).toEqual([])
  })

  it('is asked where nothing of that is so', () => {
    const status = { conditions: [{ type: 'FailureTarget', status: 'False' }], uncountedTerminatedPods: {} }
    expect(carryOut({ ...world, jobs: [withStatus(status)] }).plans[0]).toMatchObject({ kind: 'read' })
  })
})

describe('a run request', () => {
  const world = settledWorld()
  const asking = (token: string, more: Partial<PlanInput> = {}) => ({
    ...world,
    ...more,
    schedule: { ...(more.schedule ?? world.schedule), runRequest: token },
  })

  it('makes one Job and is acknowledged with its run', () => {
    const { plans, settled, after } = carryOut(asking('a'))
    expect(plans.map(({ kind }) => kind)).toEqual(['run', 'settled'])
    expect(settled?.status).toMatchObject({
      lastHandledRunRequest: 'a',
      active: [{ trigger: 'Manual', job: runNowName(world.schedule, 'a') }],
    })
    expect(carryOut(after).plans).toMatchObject([{ kind: 'settled', status: undefined }])
  })

  it('whose Job is there already is only acknowledged', () => {
    const made = carryOut(asking('a')).after.jobs
    const { plans, settled } = carryOut(asking('a', { jobs: made }))
    expect(plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(settled?.status?.lastHandledRunRequest).toBe('a')
  })

  it('of an earlier token is one more, unless the Job of that one is kept', () => {
    const again = (jobs: readonly CachedJob[]) => {
      const { schedule: of } = world
      const handled = { ...of, status: { ...of.status, lastHandledRunRequest: 'b' } }
      const { plans, settled } = carryOut(asking('a', { schedule: handled, jobs }))
      expect(settled?.status?.lastHandledRunRequest).toBe('a')
      return plans.map(({ kind }) => kind)
    }
    expect(again([])).toEqual(['run', 'settled'])
    expect(again(carryOut(asking('a')).after.jobs)).toEqual(['settled'])
  })

  it('waits while a run goes on', () => {
    const waiting = carryOut(asking('a', { jobs: [job('1')], pods: [pod('1')] }))
    expect(waiting.plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(waiting.settled?.status).not.toHaveProperty('lastHandledRunRequest')
    const free = carryOut({
      ...waiting.after,
      jobs: [job('1', ended())],
      pods: [endedPod('1', summary('1'))],
    })
    expect(free.plans.map(({ kind }) => kind)).toEqual(['read', 'run', 'settled'])
  })

  it('works while suspended', () => {
    const suspended = settledWorld({ schedule: schedule({ suspend: true }) })
    expect(carryOut(asking('a', suspended)).plans[0]).toMatchObject({ kind: 'run' })
  })

  it('is refused, and stays open, while the spec is', () => {
    const observed = { ...NOTHING_OBSERVED, write: { kind: 'refused', message: 'no' } as const }
    const { plans, settled } = carryOut(asking('a', { observed }))
    expect(plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(settled?.status).not.toHaveProperty('lastHandledRunRequest')
  })

  it('has its old Jobs pruned once they are told, those of the CronJob not', () => {
    const controller = {
      apiVersion: 'rapidrmf.io/v1alpha1',
      kind: 'ValidationSchedule',
      name: 'nightly',
      uid: 'schedule-uid',
    }
    const jobs = [1, 2, 3, 4, 5].flatMap((n) => [
      job(`m${n}`, {
        ...ended('Complete', -100 * n),
        slot: undefined,
        controller: { ...controller, controller: true },
      }),
      job(`s${n}`, ended('Complete', -100 * n - 50)),
    ])
    const pods = jobs.map(({ uid }) => endedPod(uid, summary(uid)))
    const first = carryOut({ ...world, jobs, pods })
    expect(first.settled?.prune).toEqual([])
    const second = carryOut({ ...first.after, jobs, pods })
    expect(second.settled?.prune.map(({ uid }) => uid)).toEqual(['m4', 'm5'])
  })
})

describe('the history', () => {
  const world = settledWorld()
  const over = (n: number) => job(String(n), { ...ended('Complete', -100 * n), slot: undefined })
  const podsOf = (jobs: readonly { uid: string }[]) => jobs.map(({ uid }) => endedPod(uid, summary(uid)))

  it('holds the ten newest runs, newest first, and none twice', () => {
    const jobs = [5, 3, 12, 1, 7, 2, 9, 11, 4, 6, 8, 10].map(over)
    const all = carryOut({ ...world, jobs, pods: podsOf(jobs) })
    const uids = (outcome: typeof all) =>
      (outcome.settled?.status ?? outcome.after.schedule.status).recentRuns?.map(({ jobUID }) =>
        Number(jobUID),
      )
    expect(uids(all)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(all.settled?.status?.lastRun?.jobUID).toBe('1')
    const again = carryOut(all.after)
    expect(again.settled?.status).toBeUndefined()
    expect(again.events).toEqual([])
  })

  it('puts a run that is seen late into its place, and leaves lastRun', () => {
    const first = carryOut({ ...world, jobs: [over(1), over(3)], pods: podsOf([over(1), over(3)]) })
    const second = carryOut({ ...first.after, jobs: [over(1), over(2), over(3)], pods: podsOf([over(2)]) })
    expect(second.settled?.status?.recentRuns?.map(({ jobUID }) => jobUID)).toEqual(['1', '2', '3'])
    expect(second.settled?.status?.lastRun?.jobUID).toBe('1')
  })
})
