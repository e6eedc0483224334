import { expect, it } from 'vitest'
import { parseRetryAfter } from '../../../common/retry-after.ts'

const NOW = new Date('2026-11-24T02:00:00Z')

it.each([
  ['0', 0],
  ['17', 17_000],
  [' 17 ', 17_000],
  ['999999999', 999_999_999_000],
  ['Tue, 24 Nov 2026 02:01:30 GMT', 90_000],
  ['Tuesday, 24-Nov-26 02:01:30 GMT', 90_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['9'.repeat(30), undefined],
  ['2026-11-24T02:01:30Z', undefined],
  ['never GMT', undefined],
])('Retry-After: %s', (header, wait) => {
  expect(parseRetryAfter(header, NOW)).toBe(wait)
})
