import { expect, it } from 'vitest'
import { isoTime } from '../../../common/iso-time.ts'

it.each([
  ['2026-11-24T02:00:00Z', '2026-11-24T02:00:00Z'],
  ['2026-11-24T02:00:00.999Z', '2026-11-24T02:00:00Z'],
  ['2026-11-24T03:00:00+01:00', '2026-11-24T02:00:00Z'],
])('%s is %s in whole seconds', (time, expected) => {
  expect(isoTime(new Date(time))).toBe(expected)
  expect(isoTime(Date.parse(time))).toBe(expected)
})

it('takes milliseconds since the epoch', () => {
  expect(isoTime(1_500)).toBe('1970-01-01T00:00:01Z')
})
