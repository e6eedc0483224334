// The operator has one event loop: how far a reconcile searches for slots must not depend on what users write.
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type * as Cron from '../../../../../common/cron/cron.ts'
import { ExpectedSlots } from '../../../../../operator/metrics/expected-slots.ts'
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
