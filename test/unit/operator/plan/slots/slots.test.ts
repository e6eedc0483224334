import { describe, expect, it } from 'vitest'
import { nextSlot } from '../../../../../operator/plan/slots/next-slot.ts'
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
    const change = { now: NOW + 120_000, toldUntil: NOW }
    expect(
      slots({ ...change, slots: schedule({ suspend: true, schedule: '*/10 * * * *' }).spec }).skipped,
    ).toEqual([])
    expect(slots({ ...change, since: '' }).skipped).toEqual([])
    expect(slots({ ...change, slots: undefined }).skipped).toEqual([])
  })
})

describe('the next slot', () => {
  const next = (now: number, since = at(-86_400), last?: string) => {
    const found = nextSlot({ spec: everyTenMinutes.spec, since, last, now })
    return found.kind === 'at' ? at((found.time - NOW) / 1000) : found.kind
  }

  it('stays the one of just now until its Job is there, or ten seconds have passed', () => {
    expect(next(NOW - 1000)).toBe(at(0))
    expect(next(NOW + 5000)).toBe(at(0))
    expect(next(NOW + 5000, at(-86_400), at(0))).toBe(at(600))
    expect(next(NOW + 10_000)).toBe(at(600))
  })

  it('is never one of before the schedule', () => {
    expect(next(NOW + 5000, at(2))).toBe(at(600))
  })
})
