import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CronJobStatus, FinishedRun } from '../../../../../crds/validation-schedule.ts'
import { assembleStatus, sameJson } from '../../../../../operator/plan/status/status.ts'
import type { StatusInput } from '../../../../../operator/plan/status/status.ts'
import { childName } from '../../../../../operator/values/names.ts'
import { NOW, at, schedule } from '../../fixtures.ts'

const NAME = childName('nightly')
const CRON_JOB: CronJobStatus = { uid: 'u', suspended: false, slotsHash: 'h', slotsSince: at(-60) }
const NO_RUNS: StatusInput['runs'] = {
  jobs: [],
  active: [],
  finished: [],
  lastScheduleTime: undefined,
  reads: [],
  requeueAt: undefined,
}
const assemble = (change: Partial<StatusInput> = {}) =>
  assembleStatus({
    schedule: schedule({}, { generation: 3 }),
    state: { kind: 'ready' },
    cronJob: CRON_JOB,
    conflictingWriter: undefined,
    heldUpBy: [],
    next: { kind: 'at', time: NOW + 1_000 },
    runs: NO_RUNS,
    handledRunRequest: undefined,
    now: NOW,
    ...change,
  })
const before = (status: object) => schedule({}, { generation: 3, status })

it('has nothing that is not known', () => {
  const { conditions, ...status } = assemble()
  expect(conditions).toHaveLength(5)
  expect(status).toEqual({
    observedGeneration: 3,
    cronJobName: NAME,
    cronJob: CRON_JOB,
    nextScheduleTime: at(1),
  })
})

it('has the runs, the conflict and the run request', () => {
  const active = [{ jobUID: '1', job: 'j', trigger: 'Manual' as const }]
  const run: FinishedRun = {
    jobUID: '2',
    job: 'k',
    trigger: 'Manual',
    completionTime: at(0),
    verdict: 'Passed',
    reason: 'R',
    message: 'm',
    late: false,
  }
  const conflictingWriter = { fieldManager: 'argocd', repairs: 5, lastRepairTime: at(0) }
  const runs = { ...NO_RUNS, active, finished: [run], lastScheduleTime: at(-60) }
  expect(assemble({ runs, conflictingWriter, handledRunRequest: 'today' })).toMatchObject({
    active,
    lastRun: run,
    recentRuns: [{ jobUID: '2' }],
    lastPassedTime: at(0),
    lastScheduleTime: at(-60),
    conflictingWriter,
    lastHandledRunRequest: 'today',
  })
})

it('keeps the request that was handled last', () => {
  const handled = before({ lastHandledRunRequest: 'yesterday' })
  expect(assemble({ schedule: handled }).lastHandledRunRequest).toBe('yesterday')
})

it('keeps the times of transitions', () => {
  const { conditions } = assemble({ now: NOW - 60_000 })
  expect(assemble({ schedule: before({ conditions }) }).conditions).toEqual(conditions)
})

describe('the name and the entry of the CronJob', () => {
  const lastGood = { suspended: false, failure: undefined }
  const known = before({ cronJobName: NAME, cronJob: CRON_JOB })

  it.each<[StatusInput['state'], boolean]>([
    [{ kind: 'invalid', message: 'm', lastGood }, true],
    [{ kind: 'invalid', message: 'm', lastGood: undefined }, false],
    [{ kind: 'notAllowed', message: 'm', lastGood }, true],
    [{ kind: 'conflict', name: NAME, owner: 'App' }, false],
    [{ kind: 'leaving', name: NAME, finalizers: [] }, false],
    [{ kind: 'inherited', name: NAME }, false],
    [{ kind: 'failing', message: 'm' }, true],
    [{ kind: 'forbidden', message: 'm' }, true],
    [{ kind: 'terminating' }, true],
  ])('stay for %j: %j', (state, stay) => {
    const status = assemble({ schedule: known, state, cronJob: undefined })
    expect([status.cronJobName, status.cronJob]).toEqual(stay ? [NAME, CRON_JOB] : [undefined, undefined])
    expect(status).not.toHaveProperty('nextScheduleTime')
  })

  it('are not made up where a write fails', () => {
    const status = assemble({ state: { kind: 'failing', message: 'm' }, cronJob: undefined })
    expect(status).not.toHaveProperty('cronJobName')
    expect(status).not.toHaveProperty('cronJob')
  })
})

it.each(['suspended', 'never'] as const)('has no next slot where it is %s', (kind) => {
  expect(assemble({ next: { kind } })).not.toHaveProperty('nextScheduleTime')
})

describe('two JSON values are equal', () => {
  it('in any order of keys, and where an absent field is undefined', () => {
    expect(sameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1, d: undefined })).toBe(true)
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(sameJson(value, JSON.parse(JSON.stringify(value)))).toBe(true)
      }),
    )
  })

  it.each<[unknown, unknown]>([
    [1, 2],
    [1, '1'],
    [null, {}],
    [null, undefined],
    [[], {}],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
  ])('but not %j and %j', (a, b) => {
    expect(sameJson(a, b)).toBe(false)
  })
})
