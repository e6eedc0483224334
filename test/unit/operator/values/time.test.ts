import { expect, it } from 'vitest'
import { isoTime } from '../../../../common/iso-time.ts'
import { earliest, newest, utc } from '../../../../operator/values/time.ts'

it.each([
  ['2026-11-27T14:00:00+02:00', '2026-11-27T12:00:00Z'],
  ['2026-11-27T12:00:00.999Z', '2026-11-27T12:00:00Z'],
  ['yesterday', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j is %j in UTC', (text, time) => {
  expect(utc(text)).toBe(time)
})

it('cuts to whole seconds, as metav1.Time does', () => {
  expect(isoTime(1_999)).toBe('1970-01-01T00:00:01Z')
})

it('finds the newest and the earliest among times that may be missing', () => {
  expect(newest(undefined, '2026-01-01T00:00:00Z', '2025-12-31T23:59:59Z')).toBe('2026-01-01T00:00:00Z')
  expect(newest(undefined)).toBe(undefined)
  expect(earliest(undefined, 5, 3)).toBe(3)
  expect(earliest()).toBe(undefined)
})
