import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatTimestamp, parseTimestamp } from '../../job-image/time.ts'

describe('parseTimestamp', () => {
  test.each([
    ['1970-01-01 00:00:00', 0],
    ['1970-01-01 00:00:00.000001', 1],
    ['1969-12-31 23:59:59.999999', -1],
    ['2026-01-08 02:00:15.123456', 1_767_837_615_123_456],
    ['2026-01-08 02:00:15.12', 1_767_837_615_120_000],
    ['2026-01-08T02:00:15Z', 1_767_837_615_000_000],
    ['2026-01-08T04:30:15+02:30', 1_767_837_615_000_000],
    ['2026-01-08 02:00:15+00', 1_767_837_615_000_000],
    ['2026-01-07 18:00:15-0800', 1_767_837_615_000_000],
    ['2026-01-08T02:00Z', 1_767_837_600_000_000],
    ['2026-01-08T02:00:15.1234569Z', 1_767_837_615_123_456],
    ['2024-02-29 00:00:00', 1_709_164_800_000_000],
    ['infinity', Infinity],
    ['-infinity', -Infinity],
    ['9999-12-31 23:59:59', 253_402_300_799_000_000],
    ['10000-01-01 00:00:00', 253_402_300_800_000_000],
    ['0001-12-31 00:00:00 BC', -62_135_683_200_000_000],
    ['4713-01-01 00:00:00 BC', -210_863_520_000_000_000],
  ])('reads %s', (text, micros) => {
    expect(parseTimestamp(text)).toBe(micros)
  })

  test.each([
    '',
    'now',
    '2026-01-08',
    '2026-13-01 00:00:00',
    '2026-00-01 00:00:00',
    '2026-02-29 00:00:00',
    '1900-02-29 00:00:00',
    '2026-01-00 00:00:00',
    '2026-01-01 24:00:00',
    '2026-01-01 00:60:00',
    '2026-01-01 00:00:60',
    '2026-01-01 00:00:00+16',
    '2026-01-01 00:00:00 PST',
    '0000-01-01 00:00:00 BC',
    '-0044-01-01 00:00:00 BC',
    ' 2026-01-01 00:00:00',
    '2026-01-01 00:00:00\n',
    'Infinity',
  ])('refuses %j', (text) => {
    expect(() => parseTimestamp(text)).toThrow(/^not a timestamp: "/)
  })

  test('agrees with Date on every millisecond that both know', () => {
    const dates = fc.date({
      min: new Date('-009999-01-01'),
      max: new Date('+020000-01-01'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(dates, (date) => {
        const seconds = new Date(Math.floor(date.getTime() / 1000) * 1000)
        expect(parseTimestamp(date.toISOString())).toBe(date.getTime() * 1000)
        expect(formatTimestamp(seconds.getTime() * 1000)).toBe(seconds.toISOString().replace('.000Z', 'Z'))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('formatTimestamp', () => {
  test.each([
    [0, '1970-01-01T00:00:00Z'],
    [1, '1970-01-01T00:00:00.000001Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
    [1_767_837_615_120_000, '2026-01-08T02:00:15.120000Z'],
    [Infinity, 'infinity'],
    [-Infinity, '-infinity'],
    [253_402_300_800_000_000, '+010000-01-01T00:00:00Z'],
    [-62_135_683_200_000_000, '0000-12-31T00:00:00Z'],
    [-62_198_755_200_000_000, '-000001-01-01T00:00:00Z'],
  ])('writes %d as %s', (micros, text) => {
    expect(formatTimestamp(micros)).toBe(text)
  })

  test('is read back to the microsecond', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (micros) => {
        expect(parseTimestamp(formatTimestamp(micros))).toBe(micros)
      }),
      { numRuns: 3000 },
    )
  })

  test('refuses NaN', () => {
    expect(() => formatTimestamp(NaN)).toThrow('NaN is not a time')
  })
})
