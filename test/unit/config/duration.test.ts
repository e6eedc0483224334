import { expect, it } from 'vitest'
import { expectedDuration, readDuration, readSeconds } from '../../../job-image/config/duration.ts'

const LIMITS = { min: 60, max: 86_400 }
const ANY = { min: 0, max: 1e9 }

it.each([
  [90, { months: 0, seconds: 90 }],
  ['90', { months: 0, seconds: 90 }],
  ['90.5', { months: 0, seconds: 90.5 }],
  ['90s', { months: 0, seconds: 90 }],
  ['5m', { months: 0, seconds: 300 }],
  ['P1M', { months: 1, seconds: 0 }],
  ['1y6mo', { months: 18, seconds: 0 }],
])('reads %j', (value, duration) => {
  expect(readDuration(value, ANY)).toEqual(duration)
})

it.each(['', 'soon', '-5', '1e3', '+90', '.5', '90.'])('%j is no duration', (value) => {
  expect(readDuration(value, ANY)).toBeUndefined()
})

it.each([
  [59, false],
  [60, true],
  ['1m', true],
  ['59.9s', false],
  ['24h', true],
  ['1d1s', false],
  [86_400.5, false],
])('%j is within one minute and one day: %j', (value, within) => {
  expect(readDuration(value, LIMITS) !== undefined).toBe(within)
})

it('a fixed length of time has no months', () => {
  expect(readSeconds('1h30m', LIMITS)).toBe(5_400)
  expect(readSeconds(90, LIMITS)).toBe(90)
  expect(readSeconds('1mo', ANY)).toBeUndefined()
  expect(readSeconds('0mo90s', ANY)).toBe(90)
  expect(readSeconds('59s', LIMITS)).toBeUndefined()
})

it('says what it takes', () => {
  expect(expectedDuration(LIMITS)).toBe(
    'expected a number of seconds or a text like 90s, 5m, 1h or 7d, from 60 to 86400 seconds',
  )
})
