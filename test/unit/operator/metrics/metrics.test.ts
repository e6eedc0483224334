import { describe, expect, it } from 'vitest'
import { ExpectedSlots } from '../../../../operator/metrics/expected-slots.ts'
import { scheduleMetrics } from '../../../../operator/metrics/schedule-metrics.ts'
import { NOW, at, endedPod, ended, input, job, liveCronJob, schedule, summary } from '../fixtures.ts'
import { carryOut } from '../simulation.ts'

describe('the metrics of a schedule', () => {
  const values = (text: string) =>
    Object.fromEntries(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => {
          const space = line.lastIndexOf(' ')
          return [line.slice('rapidrmf_schedule_'.length, space), Number(line.slice(space + 1))]
        }),
    )

  it('are all there before its first run', () => {
    const text = [...scheduleMetrics([schedule()], () => 0)].join('')
    const found = values(text)
    expect(Object.keys(found)).toHaveLength(21)
    expect(new Set(Object.values(found))).toEqual(new Set([0]))
    expect(text).toContain('# TYPE rapidrmf_schedule_suspended gauge')
  })

  it('tell of its last run', () => {
    const world = input({ jobs: [job('1', ended())], pods: [endedPod('1', summary('1'))] })
    const found = values([...scheduleMetrics([carryOut(world).after.schedule], () => NOW)].join(''))
    const of = 'namespace="compliance",name="nightly"'
    expect(found).toMatchObject({
      [`ready{${of}}`]: 1,
      [`last_run_timestamp_seconds{${of}}`]: NOW / 1000 - 3000,
      [`last_run_duration_seconds{${of}}`]: 600,
      [`last_run_verdict{${of},verdict="Findings"}`]: 1,
      [`last_run_verdict{${of},verdict="Passed"}`]: 0,
      [`last_run_results{${of},status="insufficient_evidence"}`]: 2,
      [`last_slot_timestamp_seconds{${of}}`]: NOW / 1000 - 3600,
      [`expected_slot_timestamp_seconds{${of}}`]: NOW / 1000,
    })
  })
})

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
