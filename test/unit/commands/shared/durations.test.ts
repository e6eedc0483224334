import { describe, expect, test } from 'vitest'
import { ageType, parseAge, secondsType } from '../../../../job-image/commands/shared/durations.ts'

describe('a length of time', () => {
  const type = secondsType({ min: 0.001, max: 3_600 })

  test.each([
    ['90', 90],
    ['0.001', 0.001],
    ['5m', 300],
    ['1h', 3_600],
  ])('%s is %d seconds', async (text, seconds) => {
    expect(await type.from(text)).toBe(seconds)
  })

  test.each(['0', '3601', '2h', '-1', 'long', ''])('%j is refused', async (text) => {
    await expect(type.from(text)).rejects.toThrow(`, found ${JSON.stringify(text)}`)
  })
})

describe('an age', () => {
  test.each([
    ['1d', false],
    ['24h', false],
    ['23h', true],
    ['18m', true],
    ['18mo', false],
    ['P18M', false],
    ['PT18M', true],
    ['0d', true],
    ['1100y', false],
  ])('of %s is shorter than a day: %s', (text, short) => {
    expect(parseAge(text).short).toBe(short)
  })

  test('is an interval of PostgreSQL by the calendar', async () => {
    expect(parseAge('18mo')).toEqual({ interval: '18 months 0 seconds', short: false })
    expect(await ageType.from('18mo')).toEqual(parseAge('18mo'))
  })

  test.each(['90', '1101y', 'P', '-1d', 'soon', ''])('of %j is refused', (text) => {
    expect(() => parseAge(text)).toThrow(`(at most 1100y), found ${JSON.stringify(text)}`)
  })
})
