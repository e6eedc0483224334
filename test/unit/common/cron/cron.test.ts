import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matchesDate, nextRun, nextRuns, parseCron } from '../../../../common/cron/cron.ts'
import type { CalendarSchedule } from '../../../../common/cron/cron.ts'
import { zoneClock } from '../../../../common/cron/time-zone.ts'
import { anyExpression, anyStart, anyZone } from './arbitraries.ts'

const runs = (expression: string, zone: string, after: string, count = 3) =>
  nextRuns(parseCron(expression), zone, new Date(after), count).map((run) => run.toISOString().slice(0, 16))

describe('documented slots', () => {
  test('New York, 02:00 on the day without 02:00: no run', () => {
    expect(runs('0 2 * * *', 'America/New_York', '2027-03-13T00:00Z', 2)).toEqual([
      '2027-03-13T07:00',
      '2027-03-15T06:00',
    ])
  })

  test('Berlin, 02:30 on the day with two of them: two runs', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z')).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T01:30',
      '2026-10-26T01:30',
    ])
  })

  test('both days given: either will do', () => {
    expect(runs('0 0 29 2 1', 'Etc/UTC', '2028-02-20T12:00Z')).toEqual([
      '2028-02-21T00:00',
      '2028-02-28T00:00',
      '2028-02-29T00:00',
    ])
  })

  test('0 is Sunday', () => {
    expect(runs('0 2 * * 0', 'Etc/UTC', '2026-11-23T00:00Z', 1)).toEqual(['2026-11-29T02:00'])
  })

  test('@every counts from where it starts', () => {
    expect(runs('@every 1h30m', 'Etc/UTC', '2026-11-23T10:07:30Z', 2)).toEqual([
      '2026-11-23T11:37',
      '2026-11-23T13:07',
    ])
  })

  test.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *', ', * * * *', '0 0 , * *'])('%s never comes', (expression) => {
    expect(nextRun(parseCron(expression), 'Europe/Berlin', new Date('2026-11-23'))).toBeUndefined()
  })

  test('a slot later than the fifth year is none', () => {
    // 2100 is no leap year: the 29th after 2096 is in 2104.
    expect(runs('0 0 29 2 *', 'Etc/UTC', '2096-03-01T00:00Z', 1)).toEqual([])
    expect(runs('0 0 29 2 *', 'Etc/UTC', '2099-01-01T00:00Z', 1)).toEqual(['2104-02-29T00:00'])
  })

  test('the day that Apia skipped does not stop the search', () => {
    expect(runs('0 0 31 12 *', 'Pacific/Apia', '2011-12-20T00:00Z', 1)).toEqual(['2011-12-30T10:00'])
  })

  test('a part of a second and an instant before 1970', () => {
    expect(runs('* * * * *', 'Etc/UTC', '1969-12-31T23:58:59.999Z', 2)).toEqual([
      '1969-12-31T23:59',
      '1970-01-01T00:00',
    ])
  })
})

describe('properties', () => {
  test('a slot comes after the start, at second 0, and never before an earlier start finds it', () => {
    fc.assert(
      fc.property(anyExpression, anyZone, anyStart, fc.nat(7 * 86_400), (expression, zone, start, later) => {
        const schedule = parseCron(expression)
        const first = nextRun(schedule, zone, new Date(start * 1000))?.getTime() ?? Infinity
        const second = nextRun(schedule, zone, new Date((start + later) * 1000))?.getTime() ?? Infinity
        expect(first).toBeGreaterThan(start * 1000)
        expect(second).toBeGreaterThan((start + later) * 1000)
        if (first !== Infinity) expect(first % 60_000).toBe(0)
      }),
      { seed: 11, numRuns: 2000 },
    )
  })

  // Where midnight is never skipped, no fault of the original can lead out of the fields.
  test('a slot matches its fields, and none was passed over', () => {
    const quietZones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Etc/UTC')
    fc.assert(
      fc.property(anyExpression, quietZones, anyStart, (expression, zone, start) => {
        const schedule = parseCron(expression) as CalendarSchedule
        const clock = zoneClock(zone)
        const next = (nextRun(schedule, zone, new Date(start * 1000))?.getTime() ?? Infinity) / 1000
        const matches = (instant: number) => {
          const wall = clock.wallAt(instant)
          return (
            schedule.hour.values.has(wall.hour) &&
            schedule.minute.values.has(wall.minute) &&
            matchesDate(schedule, wall)
          )
        }
        if (next !== Infinity) expect(matches(next)).toBe(true)
        const firstMinute = Math.floor(start / 60 + 1) * 60
        for (let minute = firstMinute; minute < Math.min(next, firstMinute + 86_400); minute += 60) {
          expect(matches(minute)).toBe(false)
        }
      }),
      { seed: 12, numRuns: 300 },
    )
  })
})
