import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digestOf } from '../../../../operator/values/digest.ts'

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, reversed(field)]),
  )
}

it('does not depend on the order of keys', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => digestOf(value) === digestOf(reversed(value))))
})

it('depends on the order of a list, and on each value', () => {
  const digests = [[1, 2], [2, 1], { a: 1 }, { a: '1' }, { b: 1 }, {}].map(digestOf)
  expect(new Set(digests).size).toBe(digests.length)
  expect(digests[0]).toMatch(/^[0-9a-f]{32}$/)
})
