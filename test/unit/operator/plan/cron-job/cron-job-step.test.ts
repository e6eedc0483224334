import { describe, expect, it } from 'vitest'
import type { ValidationScheduleStatus } from '../../../../../crds/validation-schedule.ts'
import { cronJob as desired } from '../../../../../operator/plan/cron-job/cron-job.ts'
import { cronJobStep } from '../../../../../operator/plan/cron-job/cron-job-step.ts'
import type { CronJobInput } from '../../../../../operator/plan/cron-job/cron-job-step.ts'
import { NOTHING_OBSERVED } from '../../../../../operator/plan/inputs/live-reads.ts'
import type { CronJobWrite, Observed } from '../../../../../operator/plan/inputs/live-reads.ts'
import { childName } from '../../../../../operator/values/names.ts'
import { DEFAULTS, NOW, at, liveCronJob, schedule, writtenFor } from '../../fixtures.ts'

const OF = schedule()
const LIVE = liveCronJob(OF)
const NAME = childName('nightly')

const step = (change: Partial<CronJobInput> = {}, observed: Partial<Observed> = {}) =>
  cronJobStep({
    schedule: OF,
    cronJob: LIVE,
    written: writtenFor(OF),
    observed: { ...NOTHING_OBSERVED, ...observed },
    defaults: DEFAULTS,
    now: NOW,
    ...change,
  })
const withCondition = (
  type: 'Accepted' | 'Stalled',
  status: 'True' | 'False',
  reason: string,
  generation = 1,
) =>
  ({
    conditions: [
      {
        type,
        status,
        reason,
        observedGeneration: generation,
        message: 'said before',
        lastTransitionTime: at(0),
      },
    ],
  }) as ValidationScheduleStatus

describe('a write of this reconcile decides', () => {
  const after = (write: CronJobWrite, change: Partial<CronJobInput> = {}) => step(change, { write })

  it.each<[CronJobWrite, object, number | undefined]>([
    [{ kind: 'done' }, { kind: 'ready' }, undefined],
    [{ kind: 'namespaceTerminating' }, { kind: 'terminating' }, undefined],
    [{ kind: 'failing', message: 'm' }, { kind: 'failing', message: 'm' }, undefined],
    [{ kind: 'forbidden', message: 'm', recheckAt: NOW + 7 }, { kind: 'forbidden', message: 'm' }, NOW + 7],
    [{ kind: 'forbidden', message: 'm', recheckAt: NOW - 7 }, { kind: 'forbidden', message: 'm' }, NOW],
  ])('%j', (write, state, requeueAt) => {
    expect(after(write)).toEqual({ kind: 'settled', state, ...(requeueAt && { requeueAt }) })
  })

  it('a refused spec leaves the last good CronJob', () => {
    expect(after({ kind: 'refused', message: 'm' })).toEqual({
      kind: 'settled',
      state: { kind: 'invalid', message: 'm', lastGood: { suspended: false, failure: undefined } },
    })
  })
})

describe('a spec that cannot be used', () => {
  const NOT_ALLOWED = { ...DEFAULTS, allowedImages: ['other/*'] }
  const own = schedule({ job: { pod: { image: 'registry.example/own' } } })

  it('because the allow-list refuses it suspends the CronJob', () => {
    expect(step({ schedule: own, defaults: NOT_ALLOWED })).toEqual({
      kind: 'suspend',
      cronJob: LIVE,
      suspend: true,
    })
    const suspended = liveCronJob(schedule({ suspend: true }))
    expect(step({ schedule: own, defaults: NOT_ALLOWED, cronJob: suspended })).toMatchObject({
      kind: 'settled',
      state: { kind: 'notAllowed', lastGood: { suspended: true } },
    })
  })

  it('because it was refused before is not sent again, until its generation changes', () => {
    const status = withCondition('Accepted', 'False', 'InvalidSpec')
    const refused = schedule({ schedule: '0 5 * * *' }, { status })
    expect(step({ schedule: refused })).toMatchObject({
      kind: 'settled',
      state: { kind: 'invalid', message: 'said before' },
    })
    expect(step({ schedule: { ...refused, generation: 2 } })).toMatchObject({ kind: 'replace' })
    const otherwise = withCondition('Accepted', 'False', 'NotAllowed')
    expect(step({ schedule: { ...refused, status: otherwise } })).toMatchObject({ kind: 'replace' })
    const accepted = withCondition('Accepted', 'True', 'InvalidSpec')
    expect(step({ schedule: { ...refused, status: accepted } })).toMatchObject({ kind: 'replace' })
  })

  it('suspends the last good CronJob where the spec says so', () => {
    const refused = schedule({ suspend: true }, { status: withCondition('Accepted', 'False', 'InvalidSpec') })
    expect(step({ schedule: refused })).toEqual({ kind: 'suspend', cronJob: LIVE, suspend: true })
  })

  it('has its CronJob read where the cache lacks it, and looked at again a minute later', () => {
    const status = { ...withCondition('Accepted', 'False', 'InvalidSpec'), cronJobName: NAME }
    const refused = schedule({}, { status })
    expect(step({ schedule: refused, cronJob: undefined })).toEqual({
      kind: 'read',
      read: { kind: 'cronJob', name: NAME },
    })
    expect(step({ schedule: refused, cronJob: undefined }, { cronJob: LIVE })).toMatchObject({
      kind: 'settled',
      requeueAt: NOW + 60_000,
    })
    const gone = step({ schedule: refused, cronJob: undefined }, { cronJob: null })
    expect(gone).toMatchObject({ kind: 'settled', state: { lastGood: undefined } })
    expect(gone).not.toHaveProperty('requeueAt')
    const never = schedule({}, { status: withCondition('Accepted', 'False', 'InvalidSpec') })
    expect(step({ schedule: never, cronJob: undefined })).toMatchObject({ kind: 'settled' })
  })
})

describe('a CronJob that is missing', () => {
  it('is created; one that the status names was deleted', () => {
    const body = desired(OF, DEFAULTS)
    expect(step({ cronJob: undefined })).toEqual({ kind: 'create', body, was: 'absent' })
    const known = schedule({}, { status: { cronJobName: NAME } })
    expect(step({ schedule: known, cronJob: undefined })).toMatchObject({ kind: 'create', was: 'deleted' })
  })

  it('is read first after a conflict about its name', () => {
    const conflicted = schedule({}, { status: withCondition('Stalled', 'True', 'Conflict') })
    expect(step({ schedule: conflicted, cronJob: undefined })).toEqual({
      kind: 'read',
      read: { kind: 'cronJob', name: NAME },
    })
    expect(step({ schedule: conflicted, cronJob: undefined }, { cronJob: null })).toMatchObject({
      kind: 'create',
    })
    const over = schedule({}, { status: withCondition('Stalled', 'False', 'Conflict') })
    expect(step({ schedule: over, cronJob: undefined })).toMatchObject({ kind: 'create' })
  })
})

describe('a CronJob that is not ours', () => {
  it('and leaves is waited for', () => {
    const leaving = liveCronJob(OF, ({ metadata }) =>
      Object.assign(metadata, { deletionTimestamp: at(-1), finalizers: ['example.com/held'] }),
    )
    expect(step({ cronJob: leaving })).toEqual({
      kind: 'settled',
      state: { kind: 'leaving', name: NAME, finalizers: ['example.com/held'] },
      requeueAt: NOW + 5_000,
    })
  })

  it('and foreign is a conflict, looked at every minute', () => {
    const foreign = liveCronJob(OF, ({ metadata }) =>
      Object.assign(metadata.ownerReferences[0], { uid: 'x', kind: 'App', name: 'shop' }),
    )
    expect(step({ cronJob: foreign })).toEqual({
      kind: 'settled',
      state: { kind: 'conflict', name: NAME, owner: 'App shop' },
      requeueAt: NOW + 60_000,
    })
  })

  it('but of an earlier schedule is adopted after ten seconds', () => {
    const older = liveCronJob(schedule({}, { uid: 'older' }))
    const young = schedule({}, { createdAt: at(-4) })
    const input = { schedule: young, cronJob: older, written: undefined }
    expect(step(input)).toEqual({
      kind: 'settled',
      state: { kind: 'inherited', name: NAME },
      requeueAt: NOW + 6_000,
    })
    expect(step({ ...input, now: NOW + 6_000 })).toMatchObject({ kind: 'replace', why: 'adopted' })
  })
})

describe('a CronJob of ours', () => {
  it('that is as it must be is ready', () => {
    expect(step()).toEqual({ kind: 'settled', state: { kind: 'ready' } })
  })

  it('that differs is replaced: what others keep on it stays, their controller and retired annotations go', () => {
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'theirs' }
    const edited = liveCronJob(OF, ({ metadata, spec }) => {
      spec.suspend = true
      metadata.labels = { team: 'grc', 'rapidrmf.io/schedule-uid': 'forged' }
      Object.assign(metadata.annotations, { note: 'kept', 'rapidrmf.io/spec-hash': 'retired' })
      metadata.ownerReferences.push(theirs)
      metadata.finalizers = ['example.com/held']
    })
    const body = desired(OF, DEFAULTS)
    const found = step({ cronJob: edited })
    expect(found).toMatchObject({ kind: 'replace', why: 'repaired' })
    expect(found).toHaveProperty('body', {
      ...body,
      metadata: {
        ...body.metadata,
        uid: 'cron-job-uid',
        resourceVersion: '200',
        labels: { team: 'grc', ...body.metadata.labels },
        annotations: { note: 'kept', ...body.metadata.annotations },
        ownerReferences: [...body.metadata.ownerReferences!, theirs],
        finalizers: ['example.com/held'],
      },
    })
  })

  it('is not written within the pause of a conflict', () => {
    const conflictingWriter = { fieldManager: 'argocd', repairs: 5, lastRepairTime: at(-1) }
    const conflicted = schedule({}, { status: { conflictingWriter, observedGeneration: 1 } })
    const edited = liveCronJob(OF, ({ spec }) => (spec.suspend = true))
    const paused = { kind: 'settled', state: { kind: 'ready' }, requeueAt: NOW + 4_000 }
    expect(step({ schedule: conflicted, cronJob: edited })).toEqual(paused)
    expect(step({ schedule: conflicted, cronJob: undefined })).toEqual(paused)
  })

  it('is taken from a live read before the cache', () => {
    const edited = liveCronJob(OF, ({ spec }) => (spec.suspend = true))
    expect(step({ cronJob: edited }, { cronJob: LIVE })).toMatchObject({ kind: 'settled' })
    expect(step({ cronJob: LIVE }, { cronJob: edited })).toMatchObject({ kind: 'replace' })
  })
})
