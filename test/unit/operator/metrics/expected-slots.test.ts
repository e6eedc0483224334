import { describe, expect, it } from 'vitest'
import { ExpectedSlots } from '../../../../operator/metrics/expected-slots.ts'
import { NOW, at, liveCronJob, schedule } from '../fixtures.ts'

describe('the slot that should have a run', () => {
  const slot = (time: number) => (time === 0 ? undefined : at((time - NOW) / 1000))
  const cronJob = (spec = {}) => liveCronJob(schedule(spec))
  const minutely = cronJob({ schedule: '* * * * *', startingDeadlineSeconds: 30 })
  const WEEK_AGO = at(-7 * 86_400)

  it.each([
    ['every minute', minutely, WEEK_AGO, at(-60)],
    ['every night', cronJob(), WEEK_AGO, at(-3600)],
    // NOW is a Tuesday.
    ['each minute of a Friday', cronJob({ schedule: '* * * * 5' }), WEEK_AGO, '2026-11-20T23:59:00Z'],
    ['one that is younger than its slot', minutely, at(-50), undefined],
    ['one of which nobody knows since when', minutely, '', undefined],
    ['a suspended one', cronJob({ suspend: true }), WEEK_AGO, undefined],
    ['one that never fires', cronJob({ schedule: '0 0 30 2 *' }), WEEK_AGO, undefined],
    ['a zone that is not known here', cronJob({ timeZone: 'Factory' }), WEEK_AGO, undefined],
  ])('%s', (_what, of, since, expected) => {
    expect(slot(new ExpectedSlots().of(of, since, NOW))).toBe(expected)
  })

  it('goes on with time, starts anew with other slots, and is forgotten with the CronJob', () => {
    const slots = new ExpectedSlots()
    slots.of(minutely, WEEK_AGO, NOW)
    expect(slot(slots.of(minutely, WEEK_AGO, NOW + 600_000))).toBe(at(540))
    expect(slots.of(minutely, at(600), NOW + 600_000)).toBe(0)
    expect(slot(slots.of(minutely, at(600), NOW + 700_000))).toBe(at(660))
    slots.keepOnly(() => false)
    expect(slot(slots.of(minutely, WEEK_AGO, NOW))).toBe(at(-60))
  })
})
