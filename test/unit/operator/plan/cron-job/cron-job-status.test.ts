import { describe, expect, it } from 'vitest'
import { cronJobStatus } from '../../../../../operator/plan/cron-job/cron-job-status.ts'
import { NOW, at, liveCronJob, schedule, writtenFor } from '../../fixtures.ts'

const live = liveCronJob(schedule())
const written = writtenFor(schedule())
/** The entry of a CronJob that has fired so for an hour. */
const before = cronJobStatus(live, written, {}, NOW - 3_600_000)

it('names the CronJob, its last write and whether it is suspended', () => {
  expect(cronJobStatus(live, written, {}, NOW)).toEqual({
    uid: 'cron-job-uid',
    suspended: false,
    sentHash: written.sentHash,
    storedHash: written.storedHash,
    slotsHash: expect.stringMatching(/^\w+$/) as string,
    slotsSince: at(0),
  })
  const suspended = liveCronJob(schedule({ suspend: true }))
  expect(cronJobStatus(suspended, undefined, {}, NOW)).toMatchObject({ suspended: true })
})

it('has no digests of a write that is not known', () => {
  const status = cronJobStatus(live, undefined, {}, NOW)
  expect(Object.keys(status)).toEqual(['uid', 'suspended', 'slotsHash', 'slotsSince'])
})

describe('the time since which it fires so', () => {
  const since = (spec: object, known = before) =>
    cronJobStatus(liveCronJob(schedule(spec)), written, { cronJob: known }, NOW).slotsSince

  it.each([
    ['the image changes', { job: { pod: { image: 'other' } } }],
    ['the deadline changes', { startingDeadlineSeconds: 60 }],
  ])('stays where %s', (_what, spec) => {
    expect(since(spec)).toBe(at(-3600))
  })

  it.each([
    ['the cron expression changes', { schedule: '0 3 * * *' }],
    ['the zone changes', { timeZone: 'Europe/Berlin' }],
    ['it is suspended', { suspend: true }],
  ])('begins anew where %s', (_what, spec) => {
    expect(since(spec)).toBe(at(0))
  })

  it('may be ahead by the difference between two clocks, and no further', () => {
    expect(since({}, { ...before, slotsSince: at(60) })).toBe(at(60))
    expect(since({}, { ...before, slotsSince: at(61) })).toBe(at(0))
    expect(since({}, { ...before, slotsSince: 'banana' })).toBe(at(0))
  })
})
