// The operator has one event loop: how far a reconcile searches for slots must not depend on what users write.
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type * as Cron from '../../../../../common/cron/cron.ts'
import { ExpectedSlots } from '../../../../../operator/metrics/expected-slots.ts'
import { latestSlot, latestSlots, slotSearch } from '../../../../../operator/plan/slots/slots.ts'
import type { SlotSearch } from '../../../../../operator/plan/slots/slots.ts'
import { NOW, at, input, job, liveCronJob, remembering, schedule } from '../../fixtures.ts'
import { carryOut } from '../../simulation.ts'

const steps = vi.hoisted(() => ({ taken: 0 }))
vi.mock('../../../../../common/cron/cron.ts', async (original) => {
  const cron = await original<typeof Cron>()
  const nextRun: typeof cron.nextRun = (...of) => {
    steps.taken += 1
    return cron.nextRun(...of)
  }
  return { ...cron, nextRun }
})
beforeEach(() => void (steps.taken = 0))

const MOST = 100
const rules = fc.record({
  schedule: fc.constantFrom(
    '* * * * *',
    '*/7 * * * *',
    '0 2 * * *',
    '* * * * 1',
    '* 3 1 * *',
    '30 2 29 2 *',
    '0 0 30 2 *',
    '0 0 1 1 *',
  ),
  timeZone: fc.constantFrom('Etc/UTC', 'Europe/Berlin', 'Pacific/Chatham', 'Factory'),
})
const deadlines = fc.constantFrom(10, 300, 86_400, 2_147_483_647)
/** Milliseconds before now, up to 36 years. */
const ages = fc.oneof(fc.nat(7_200_000), fc.nat(86_400_000 * 40), fc.nat(86_400_000 * 366 * 36))

describe(`at most ${MOST} steps`, () => {
  it('of a reconcile, since whenever the CronJob is as it is, and whatever the deadline', () => {
    fc.assert(
      fc.property(rules, deadlines, ages, ages, fc.boolean(), (rule, deadline, since, seen, ran) => {
        const of = remembering(schedule({ ...rule, startingDeadlineSeconds: deadline }))
        const { cronJob } = of.status
        const aged = { ...of, status: { cronJob: cronJob && { ...cronJob, slotsSince: at(-since / 1000) } } }
        const jobs = ran ? [job('1', { slot: at(-60), createdAt: at(-30) })] : []
        const world = input({ schedule: aged, cronJob: liveCronJob(of), jobs, plannedAt: NOW - seen })
        steps.taken = 0
        const { plans } = carryOut(world)
        expect(steps.taken).toBeLessThanOrEqual(MOST * plans.length)
        expect(plans.length).toBeLessThanOrEqual(2)
      }),
    )
  })

  it('of a scrape', () => {
    fc.assert(
      fc.property(rules, deadlines, ages, (rule, deadline, since) => {
        const cronJob = liveCronJob(schedule({ ...rule, startingDeadlineSeconds: deadline }))
        const slots = new ExpectedSlots()
        for (const now of [NOW, NOW + 30_000, NOW + 86_400_000]) {
          steps.taken = 0
          slots.of(cronJob, at(-since / 1000), now)
          expect(steps.taken).toBeLessThanOrEqual(MOST)
        }
      }),
    )
  })
})

describe('however few the steps', () => {
  const spans = fc.tuple(rules, fc.nat(86_400_000 * 3), fc.nat(86_400_000 * 90))

  it('the newest slot is the one that a walk through all of them ends at', () => {
    fc.assert(
      fc.property(spans, ([rule, length, age]) => {
        const search = slotSearch(rule)
        if ('unknown' in search) return
        const [from, until] = [NOW - age - length, NOW - age]
        expect(latestSlot(search, from, until)).toBe(walked(search, from, until).at(-1))
      }),
    )
  })

  it('the newest slots are the end of such a walk, without a gap', () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 60 }), ([rule, length, age], most) => {
        const search = slotSearch(rule)
        if ('unknown' in search) return
        const [from, until] = [NOW - age - length, NOW - age]
        const found = latestSlots(search, from, until, most)
        expect(found).toEqual(walked(search, from, until).slice(-found.length || Infinity))
      }),
    )
  })

  it('all of an hour are found, and a month of nights', () => {
    const minutely = slotSearch({ schedule: '* * * * *', timeZone: 'Etc/UTC' }) as SlotSearch
    expect(latestSlots(minutely, NOW - 40 * 60_000, NOW, 45)).toHaveLength(40)
    const nightly = slotSearch({ schedule: '0 2 * * *', timeZone: 'Etc/UTC' }) as SlotSearch
    expect(latestSlots(nightly, NOW - 30 * 86_400_000, NOW, 45).length).toBeGreaterThanOrEqual(20)
  })
})

function walked(search: SlotSearch, from: number, until: number): number[] {
  const found: number[] = []
  for (let at = search(from); at !== undefined && at <= until; at = search(at)) found.push(at)
  return found
}
