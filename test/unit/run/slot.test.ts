import { expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { checkedSlot } from '../../../job-image/run/slot.ts'

it.each([
  ['2026-11-24T02:00:00Z', '2026-11-24T02:00:00Z'],
  ['2026-11-24T02:00:00+01:00', '2026-11-24T01:00:00Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
])('a slot at %s is %s', (text, expected) => {
  expect(checkedSlot('--slot', text)).toBe(expected)
})

it.each(['0001-01-01T00:00:00+01:00', '9999-12-31T23:00:00-01:00'])(
  'a slot at %s is outside of the years that ISO-8601 writes with four digits',
  (text) => {
    expect(() => checkedSlot('--slot', text)).toThrow(InputError)
    expect(() => checkedSlot('--slot', text)).toThrow(
      `--slot: expected a time of the years 1 to 9999 such as 2026-11-24T02:00:00Z, found "${text}"`,
    )
  },
)

it.each(['', 'tomorrow', '2026-02-30T00:00:00Z'])('"%s" is no time', (text) => {
  expect(() => checkedSlot('SLOT', text)).toThrow(InputError)
  expect(() => checkedSlot('SLOT', text)).toThrow(/^SLOT: .*; expected a time like 2026-11-24T02:00:00Z$/)
})
