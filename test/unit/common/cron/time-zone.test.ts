import { describe, expect, test } from 'vitest'
import { TimeZoneError, isTimeZone, zoneClock } from '../../../../common/cron/time-zone.ts'
import { golden } from './golden.ts'

const { zones } = golden('zones.json') as { zones: string[] }
const seconds = (time: string): number => Date.parse(time) / 1000

describe('zones of Go', () => {
  test('all that Go knows are known here, except Factory', () => {
    expect(zones.filter((zone) => !isTimeZone(zone))).toEqual(['Factory'])
  })

  test('a spelling that Go refuses is refused, though Intl would take it', () => {
    const spellings = zones.flatMap((zone) => [zone.toLowerCase(), zone.toUpperCase()])
    expect(spellings.filter((zone) => !zones.includes(zone) && isTimeZone(zone))).toEqual([])
  })
})

describe('zones', () => {
  test.each(['UTC', 'Etc/UTC', 'Europe/Kyiv', 'US/Eastern', 'America/Port-au-Prince', 'Etc/GMT+5'])(
    '%s',
    (zone) => {
      expect(isTimeZone(zone)).toBe(true)
    },
  )

  // Go knows localtime, Factory, posix/ and right/; Intl knows the rest. Only what both know can be promised.
  test.each([
    '',
    'Mars/Base',
    'Local',
    'localtime',
    'Factory',
    'posix/UTC',
    'right/UTC',
    'utc',
    '+01:00',
    'IST',
    'SystemV/EST5',
  ])('not "%s"', (zone) => {
    expect(isTimeZone(zone)).toBe(false)
    expect(() => zoneClock(zone)).toThrow(TimeZoneError)
  })
})

describe('the clock of a zone', () => {
  const berlin = zoneClock('Europe/Berlin')
  const forward = seconds('2026-03-29T01:00Z')
  const back = seconds('2026-10-25T01:00Z')

  test('changes its offset in the very second of a change', () => {
    expect([forward - 1, forward, back - 1, back].map((at) => berlin.offsetAt(at))).toEqual([
      3600, 7200, 7200, 3600,
    ])
  })

  test('knows the changes after the start, up to and including the end', () => {
    const change = { at: forward, before: 3600, after: 7200 }
    expect(berlin.transitionsBetween(forward - 1, forward)).toEqual([change])
    expect(berlin.transitionsBetween(forward - 1, back)).toEqual([
      change,
      { at: back, before: 7200, after: 3600 },
    ])
    expect(berlin.transitionsBetween(forward, back - 1)).toEqual([])
  })

  test('shows the local time, with the weekday from Sunday', () => {
    expect(berlin.wallAt(seconds('2026-12-31T23:30:05Z'))).toEqual({
      year: 2027,
      month: 1,
      day: 1,
      hour: 0,
      minute: 30,
      second: 5,
      weekday: 5,
    })
    expect(zoneClock('Asia/Kathmandu').wallAt(seconds('2026-11-29T00:00Z'))).toMatchObject({
      hour: 5,
      minute: 45,
      weekday: 0,
    })
  })

  test.each([
    [
      'a time like any other',
      { year: 2026, month: 7, day: 1, hour: 12, minute: 0, second: 0 },
      '2026-07-01T10:00Z',
    ],
    ['without a time of day', { year: 2026, month: 7, day: 1 }, '2026-06-30T22:00Z'],
    ['day 32 and month 13', { year: 2026, month: 13, day: 32 }, '2027-01-31T23:00Z'],
    [
      'a time in the gap: with the offset before it',
      { year: 2026, month: 3, day: 29, hour: 2, minute: 30 },
      '2026-03-29T01:30Z',
    ],
    [
      'a time in the overlap: the second one',
      { year: 2026, month: 10, day: 25, hour: 2, minute: 30 },
      '2026-10-25T01:30Z',
    ],
  ] as const)('finds the instant of %s', (_, fields, instant) => {
    expect(new Date(berlin.instantOf(fields) * 1000).toISOString()).toBe(new Date(instant).toISOString())
  })
})

test('the message names the zone, and an alternative', () => {
  expect(() => zoneClock('Mars/Base')).toThrow(
    'unknown time zone "Mars/Base": use a name of the IANA database, like Europe/Berlin',
  )
})
