import { describe, expect, it } from 'vitest'
import { suspensionOf } from '../../../../../operator/plan/cron-job/suspension.ts'
import type { SuspensionInput } from '../../../../../operator/plan/cron-job/suspension.ts'
import { NOTHING_OBSERVED } from '../../../../../operator/plan/inputs/live-reads.ts'
import { NOW, at, liveCronJob, schedule } from '../../fixtures.ts'

const running = liveCronJob(schedule())
const suspended = liveCronJob(schedule({ suspend: true }))
const of = (change: Partial<SuspensionInput>, suspend: boolean) =>
  suspensionOf(
    { schedule: schedule(), cronJob: running, observed: NOTHING_OBSERVED, now: NOW, ...change },
    suspend,
  )

describe('the CronJob of the schedule', () => {
  it('is suspended and resumed by a patch', () => {
    expect(of({}, true)).toEqual({
      patch: { cronJob: running, suspend: true },
      lastGood: { suspended: false, failure: undefined },
      retryAt: undefined,
    })
    expect(of({ cronJob: suspended }, false)).toMatchObject({
      patch: { cronJob: suspended, suspend: false },
      lastGood: { suspended: true },
    })
  })

  it('is left alone where it is as it must be', () => {
    expect(of({}, false)).toEqual({
      patch: undefined,
      lastGood: { suspended: false, failure: undefined },
      retryAt: undefined,
    })
    expect(of({ cronJob: suspended }, true).patch).toBeUndefined()
  })

  it('is not patched again where that was refused; the refusal is reported until it is as it must be', () => {
    const refusal = { message: 'forbidden', recheckAt: NOW + 60_000 }
    const observed = { ...NOTHING_OBSERVED, suspension: refusal }
    expect(of({ observed }, true)).toEqual({
      patch: undefined,
      lastGood: { suspended: false, failure: 'forbidden' },
      retryAt: NOW + 60_000,
    })
    expect(of({ observed }, false)).toMatchObject({ lastGood: { failure: undefined }, retryAt: undefined })
  })

  it('waits for the end of the pause of a conflict', () => {
    const conflictingWriter = { fieldManager: 'argocd', repairs: 5, lastRepairTime: at(-1) }
    const conflicted = schedule({}, { status: { conflictingWriter, observedGeneration: 1 } })
    expect(of({ schedule: conflicted }, true)).toMatchObject({ patch: undefined, retryAt: NOW + 4_000 })
  })
})

describe('another CronJob', () => {
  it('of an earlier schedule is suspended after the time of garbage collection', () => {
    const older = liveCronJob(schedule({}, { uid: 'older' }))
    const young = schedule({}, { createdAt: at(-4) })
    const nothing = { patch: undefined, lastGood: undefined }
    expect(of({ schedule: young, cronJob: older }, false)).toEqual({ ...nothing, retryAt: NOW + 6_000 })
    expect(of({ schedule: young, cronJob: older, now: NOW + 6_000 }, false)).toEqual({
      patch: { cronJob: older, suspend: true },
      lastGood: undefined,
      retryAt: undefined,
    })
  })

  it.each([
    ['that is missing', undefined],
    ['of another owner', liveCronJob(schedule({}, { uid: 'x', name: 'other' }))],
    [
      'that is being deleted',
      liveCronJob(schedule(), ({ metadata }) => (metadata.deletionTimestamp = at(0))),
    ],
  ])('%s is left alone', (_what, cronJob) => {
    expect(of({ cronJob }, true)).toEqual({ patch: undefined, lastGood: undefined, retryAt: undefined })
  })
})
