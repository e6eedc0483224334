import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, intervalText, limitSeconds, parseDuration } from '../../../common/duration.ts'

const DAY = 86_400

describe('a duration', () => {
  it.each([
    ['90s', 0, 90],
    ['1.5h', 0, 5400],
    ['0.001s', 0, 0.001],
    ['90m', 0, 5400],
    ['168h', 0, 7 * DAY],
    ['7d', 0, 7 * DAY],
    ['1w', 0, 7 * DAY],
    ['18mo', 18, 0],
    ['2y', 24, 0],
    ['1y6mo', 18, 0],
    ['1h30m', 0, 5400],
    ['1mo1m', 1, 60],
    ['0s', 0, 0],
    ['PT90M', 0, 5400],
    ['PT0.1S', 0, 0.1],
    ['P1W', 0, 7 * DAY],
    ['P1Y6M', 18, 0],
    ['P1M', 1, 0],
    ['PT1M', 0, 60],
    ['P1Y2M3W4DT5H6M7.5S', 14, 25 * DAY + 5 * 3600 + 6 * 60 + 7.5],
  ])('%s', (text, months, seconds) => {
    expect(parseDuration(text)).toEqual({ months, seconds })
  })

  it.each(
    [
      [
        '',
        '90',
        '1.5',
        '-1h',
        '+1h',
        ' 1h',
        '1h ',
        '1 h',
        '1H',
        '1M',
        '1ms',
        'h',
        '1.h',
        '.5h',
        '1e3s',
        '1_0s',
      ],
      ['1m1h', '1h1h', '1.5y', '1.5mo', '1,5h', '1.0001s', '1234567890s', '１h', '1h\n', '1µs', '1min'],
      [
        'P',
        'PT',
        'P1',
        'P1DT',
        'p1d',
        'pt1h',
        'P1H',
        'PT1D',
        'P1.5Y',
        'P1D1W',
        'PT1S1M',
        '-P1D',
        'P1S',
        'T1H',
      ],
    ].flat(),
  )('is not %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  const duration = fc.record({
    months: fc.nat({ max: 10_000 }),
    seconds: fc.oneof(
      fc.nat({ max: 10_000_000 }),
      fc.nat({ max: 1_000_000 }).map((each) => each / 1000),
    ),
  })

  it('that is formatted parses to itself', () => {
    fc.assert(
      fc.property(duration, (each) => {
        expect(parseDuration(formatDuration(each))).toEqual(each)
      }),
    )
  })

  it.each([
    [{ months: 0, seconds: 0 }, '0s'],
    [{ months: 0, seconds: 604_800 }, '7d'],
    [{ months: 18, seconds: 5400 }, '1y6mo1h30m'],
    [{ months: 0, seconds: 0.25 }, '0.25s'],
  ])('%j is written as %s', (each, text) => {
    expect(formatDuration(each)).toBe(text)
  })

  /** A count of each unit, from large to small. */
  const counts = fc.tuple(...Array.from({ length: 7 }, () => fc.nat({ max: 999 })))

  it('means the same in both forms', () => {
    fc.assert(
      fc.property(counts, ([y, mo, w, d, h, m, s]) => {
        const short = parseDuration(`${y}y${mo}mo${w}w${d}d${h}h${m}m${s}s`)
        expect(short).toBeDefined()
        expect(parseDuration(`P${y}Y${mo}M${w}W${d}DT${h}H${m}M${s}S`)).toEqual(short)
      }),
    )
  })

  it('is the sum of its parts', () => {
    fc.assert(
      fc.property(counts, (numbers) => {
        const names = ['y', 'mo', 'w', 'd', 'h', 'm', 's']
        const each = numbers.map((count, index) => parseDuration(`${count}${names[index]}`))
        const sum = (key: 'months' | 'seconds') => each.reduce((total, part) => total + (part?.[key] ?? 0), 0)
        const whole = parseDuration(numbers.map((count, index) => `${count}${names[index]}`).join(''))
        expect(whole).toEqual({ months: sum('months'), seconds: sum('seconds') })
      }),
    )
  })

  it('counts a year as 366 days before a limit, and as much as twelve months', () => {
    const length = (text: string) => limitSeconds(parseDuration(text)!)
    expect([length('1y'), length('12mo'), length('366d')]).toEqual(Array(3).fill(366 * DAY))
    expect(length('2mo')).toBeLessThan(length('62d'))
  })

  it('is an interval of months and seconds for PostgreSQL', () => {
    expect(intervalText(parseDuration('1y2w1.5s')!)).toBe(`12 months ${14 * DAY + 1.5} seconds`)
  })
})
