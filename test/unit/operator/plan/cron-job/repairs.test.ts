import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ValidationScheduleStatus } from '../../../../../crds/validation-schedule.ts'
import { NOTHING_OBSERVED } from '../../../../../operator/plan/inputs/live-reads.ts'
import { FIELD_MANAGER } from '../../../../../operator/cache/projections.ts'
import type { PlanInput } from '../../../../../operator/plan/plan.ts'
import {
  conflictAfter,
  endOf,
  pausedUntil,
  currentConflict,
} from '../../../../../operator/plan/cron-job/repairs.ts'
import { RateLimiter } from '../../../../../operator/queue/rate-limiter.ts'
import { RepeatedWrites } from '../../../../../operator/reconcile/repeated-writes.ts'
import { NOW, at, condition, input, liveCronJob, remembering, schedule } from '../../fixtures.ts'
import { carryOut } from '../../simulation.ts'

describe('a CronJob that somebody else writes as often as the operator', () => {
  const edited = liveCronJob(schedule(), ({ metadata, spec }) => {
    spec.jobTemplate.spec.parallelism = 0
    metadata.managedFields.push({ manager: 'argocd\u001B[31m', time: at(1), fieldsV1: {} })
  })
  const repairing = (times: number, change: Partial<PlanInput> = {}) =>
    input({
      schedule: remembering(schedule()),
      cronJob: edited,
      observed: { ...NOTHING_OBSERVED, repeated: { times, fieldManager: edited.lastManager } },
      ...change,
    })
  const message = (status: ValidationScheduleStatus | undefined): string =>
    status?.conditions?.find(({ type }) => type === 'Stalled')?.message ?? ''

  it('is put right at once, a few times', () => {
    const { plans, settled } = carryOut(repairing(4))
    expect(plans.map(({ kind }) => kind)).toEqual(['write', 'settled'])
    expect(condition(settled?.status, 'Stalled')).toBe('False/NotStalled')
    expect(settled?.status).not.toHaveProperty('conflictingWriter')
  })

  it('is a conflict from the fifth time on, which says with whom, and is told once', () => {
    const { settled, events, after } = carryOut(repairing(5))
    expect(settled?.status?.conflictingWriter).toEqual({
      fieldManager: 'argocd [31m',
      repairs: 5,
      lastRepairTime: at(0),
    })
    expect(condition(settled?.status, 'Ready')).toBe('False/ConflictingWriter')
    expect(condition(settled?.status, 'Stalled')).toBe('True/ConflictingWriter')
    expect(message(settled?.status)).toContain('field manager "argocd')
    expect(events.map(({ reason }) => reason)).toContain('ConflictingWriter')

    const world = { ...after, observed: NOTHING_OBSERVED }
    const waiting = carryOut({ ...world, cronJob: edited, now: NOW + 4_000 })
    expect(waiting.plans).toMatchObject([{ kind: 'settled', status: undefined, events: [] }])
    expect(waiting.settled?.requeueAt).toBe(NOW + 5_000)

    const again = carryOut({
      ...world,
      cronJob: edited,
      now: NOW + 5_000,
      observed: { ...NOTHING_OBSERVED, repeated: { times: 1, fieldManager: edited.lastManager } },
    })
    expect(again.plans[0]).toMatchObject({ kind: 'write' })
    expect(again.settled?.status?.conflictingWriter).toMatchObject({ repairs: 6, lastRepairTime: at(5) })
    expect(again.events.map(({ reason }) => reason)).not.toContain('ConflictingWriter')
  })

  it('is no conflict any more when it has been quiet', () => {
    const { after } = carryOut(repairing(5))
    const world = { ...after, observed: NOTHING_OBSERVED }
    expect(carryOut({ ...world, now: NOW + 14_000 }).plans).toMatchObject([{ status: undefined }])
    const { settled, plans } = carryOut({ ...world, now: NOW + 15_000 })
    expect(plans).toHaveLength(1)
    expect(condition(settled?.status, 'Ready')).toBe('True/CronJobReady')
    expect(condition(settled?.status, 'Stalled')).toBe('False/NotStalled')
    expect(settled?.status).not.toHaveProperty('conflictingWriter')
  })

  it('does not keep a person from changing the spec', () => {
    const { after } = carryOut(repairing(5))
    const changed = {
      ...schedule({ schedule: '0 5 * * *' }, { generation: 2 }),
      status: after.schedule.status,
    }
    const world = { ...after, observed: NOTHING_OBSERVED, schedule: changed }
    expect(carryOut(world).plans[0]).toMatchObject({ kind: 'write', step: { why: 'updated' } })
  })

  it('may be another operator', () => {
    const repeated = { times: 5, fieldManager: FIELD_MANAGER }
    const { settled } = carryOut(repairing(5, { observed: { ...NOTHING_OBSERVED, repeated } }))
    expect(message(settled?.status)).toContain('another operator')
  })

  it('may be deleted and not changed', () => {
    const repeated = { times: 5, fieldManager: '' }
    const world = carryOut(input()).after
    const { settled } = carryOut({
      ...world,
      cronJob: undefined,
      observed: { ...NOTHING_OBSERVED, repeated },
    })
    expect(message(settled?.status)).toContain('is deleted repeatedly')
  })
})

it('pauses grow to five minutes, and a conflict outlasts each of them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 10_000 }), (repairs) => {
      const before = { fieldManager: 'x', repairs, lastRepairTime: at(0) }
      const status = { observedGeneration: 1, conflictingWriter: before }
      const until = pausedUntil(schedule({}, { status }), NOW) ?? 0
      expect(until).toBeGreaterThanOrEqual(NOW + 5_000)
      expect(until).toBeLessThanOrEqual(NOW + 300_000)
      expect(endOf(before)).toBeGreaterThan(until)
      expect(currentConflict(status, endOf(before))).toBeUndefined()
      const next = conflictAfter(before, { times: 1, fieldManager: 'x' }, until)
      expect(endOf(next!)).toBeGreaterThanOrEqual(endOf(before))
    }),
  )
})

it('a conflict that is to come is not believed', () => {
  const conflictingWriter = { fieldManager: 'x', repairs: 5, lastRepairTime: '2099-01-01T00:00:00Z' }
  expect(currentConflict({ conflictingWriter }, NOW)).toBeUndefined()
})

describe('writes that repeat', () => {
  it('are counted within a minute, for one key and one content', () => {
    const writes = new RepeatedWrites()
    expect([0, 1, 2, 3].map((second) => writes.note('a', 'x', second * 1000))).toEqual([0, 1, 2, 3])
    expect(writes.note('b', 'x', 4000)).toBe(0)
    expect(writes.note('a', 'y', 5000)).toBe(0)
    expect(writes.note('a', 'y', 6000)).toBe(1)
    expect(writes.note('a', 'y', 66_001)).toBe(1)
    writes.forget('a')
    expect(writes.note('a', 'y', 66_002)).toBe(0)
  })
})

describe('a pace', () => {
  it('lets a second’s worth through at once, and then gives each key a turn of its own', () => {
    let now = 0
    const pace = new RateLimiter({ clock: { now: () => now }, perSecond: 20 })
    const take = (...keys: string[]) => keys.map((key) => pace.when(key))
    const crowd = Array.from({ length: 20 }, (_, index) => `early-${index}`)
    expect(take(...crowd)).toEqual(crowd.map(() => 0))
    expect(take('a', 'b', 'a', 'c')).toEqual([50, 100, 50, 150])
    now += 100
    expect(take('a', 'b', 'c')).toEqual([0, 0, 50])
    expect(take('a')).toEqual([100])
    pace.forget('c')
    now += 60_000
    expect(take(...crowd, 'c').filter((wait) => wait > 0)).toEqual([50])
  })
})
