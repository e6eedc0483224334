import { describe, expect, it } from 'vitest'
import { skippedSlots } from '../../../../../operator/plan/slots/slot-skipped.ts'
import type { SlotInput } from '../../../../../operator/plan/slots/slot-skipped.ts'
import { NOW, at, job, schedule } from '../../fixtures.ts'

const everyTenMinutes = schedule({ schedule: '*/10 * * * *', startingDeadlineSeconds: 60 })
const slots = (change: Partial<SlotInput>) => {
  const { skipped, decidedAt } = skippedSlots({
    slots: everyTenMinutes.spec,
    status: {},
    since: at(-86_400),
    jobs: [],
    now: NOW,
    reportedUntil: NOW,
    ...change,
  })
  return { skipped: skipped.map(({ slot, why }) => [at((slot - NOW) / 1000), why]), decidedAt }
}
/** A Job of the slot so many seconds from NOW. */
const ran = (slot: number, begin = slot) =>
  job(String(slot), { slot: at(slot), createdAt: at(begin), startTime: at(begin) })

describe('a slot without a run', () => {
  it('is open until its deadline', () => {
    expect(slots({ now: NOW + 59_000, reportedUntil: NOW })).toEqual({ skipped: [], decidedAt: NOW + 60_000 })
  })

  it('is skipped when its deadline passes, and told once', () => {
    const now = NOW + 60_000
    expect(slots({ now, reportedUntil: NOW + 59_000 }).skipped).toEqual([[at(0), 'deadline']])
    expect(slots({ now: now + 1000, reportedUntil: now }).skipped).toEqual([])
  })

  it('is skipped when a later one is run in its place', () => {
    const schedule_ = schedule({ schedule: '*/10 * * * *', startingDeadlineSeconds: 3600 })
    const jobs = [ran(-1200), ran(600, 660)]
    const change = { slots: schedule_.spec, since: at(-1500), jobs }
    expect(slots({ ...change, now: NOW + 661_000, reportedUntil: NOW + 500_000 }).skipped).toEqual([
      [at(-600), 'superseded'],
      [at(0), 'superseded'],
    ])
  })

  it('that was run late is not skipped', () => {
    expect(slots({ jobs: [ran(0, 44)], now: NOW + 120_000, reportedUntil: NOW }).skipped).toEqual([])
  })

  it('before the CronJob was as it is belongs to another schedule', () => {
    expect(slots({ since: at(1), now: NOW + 120_000, reportedUntil: NOW })).toEqual({
      skipped: [],
      decidedAt: undefined,
    })
  })

  it('of a suspended schedule, or of none, is nothing', () => {
    const change = { now: NOW + 120_000, reportedUntil: NOW }
    expect(
      slots({ ...change, slots: schedule({ suspend: true, schedule: '*/10 * * * *' }).spec }).skipped,
    ).toEqual([])
    expect(slots({ ...change, since: '' }).skipped).toEqual([])
    expect(slots({ ...change, slots: undefined }).skipped).toEqual([])
  })
})

describe('a slot that gets no run because the spec is not allowed', () => {
  const suspended = schedule({ suspend: true, schedule: '*/10 * * * *', startingDeadlineSeconds: 60 }).spec

  it('is skipped for that reason, and so will be the next one', () => {
    const change = {
      slots: suspended,
      held: 'notAllowed' as const,
      now: NOW + 60_000,
      reportedUntil: NOW + 59_000,
    }
    expect(slots(change)).toEqual({ skipped: [[at(0), 'notAllowed']], decidedAt: NOW + 660_000 })
  })
})

describe('the runs of the status', () => {
  const change = { now: NOW + 60_000, reportedUntil: NOW + 59_000 }
  const run = { jobUID: '1', job: 'a', trigger: 'Schedule' as const, scheduledTime: at(0) }
  const recent = { ...run, completionTime: at(30), verdict: 'Passed' as const, reason: 'AllPassed' }

  it.each([
    ['active', { active: [run] }],
    ['recent', { recentRuns: [{ ...recent, startTime: at(2) }] }],
    ['the last slot', { lastScheduleTime: at(0) }],
  ])('count as those of Jobs: %s', (_what, status) => {
    expect(slots({ ...change, status }).skipped).toEqual([])
  })

  it('are not believed to begin before their slot', () => {
    const early = { ...recent, startTime: at(-61) }
    expect(slots({ ...change, status: { recentRuns: [early] } }).skipped).toEqual([[at(0), 'deadline']])
    const skewed = { ...recent, startTime: at(-60) }
    expect(slots({ ...change, status: { recentRuns: [skewed] } }).skipped).toEqual([])
  })
})
