import fc from 'fast-check'
import { expect, it } from 'vitest'
import { childName, runNowName } from '../../../../operator/values/names.ts'

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

it('makes a DNS label of at most 49 characters from any name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      expect(childName(name)).toMatch(LABEL)
      expect(childName(name).length).toBeLessThanOrEqual(49)
      expect(runNowName({ name, uid: 'u' }, name)).toMatch(LABEL)
      expect(runNowName({ name, uid: 'u' }, name).length).toBeLessThanOrEqual(49)
    }),
  )
})

it.each([
  ['dots', 'a.b', 'a-b'],
  ['case', 'a-B', 'a-b'],
  ['a common beginning of 49 characters', `${'x'.repeat(60)}a`, `${'x'.repeat(60)}b`],
])('keeps apart names that differ in %s', (_what, a, b) => {
  expect(childName(a)).not.toBe(childName(b))
})

it('can be read', () => {
  expect(childName('nightly.prod')).toMatch(/^nightly-prod-[0-9a-f]{8}$/)
})

it('names a run request by schedule and token, never so that it reads as a slot', () => {
  const nightly = { name: 'nightly', uid: 'u1' }
  expect(runNowName(nightly, 'a')).toBe(runNowName(nightly, 'a'))
  expect(runNowName(nightly, 'a')).not.toBe(runNowName(nightly, 'b'))
  expect(runNowName(nightly, 'a')).not.toBe(runNowName({ ...nightly, uid: 'u2' }, 'a'))
  expect(runNowName(nightly, 'a')).toMatch(/-m[0-9a-f]{10}$/)
})
