import { describe, expect, test } from 'vitest'
import { Expectations } from '../../../../operator/kube/expectations.ts'

describe('the version of an own write', () => {
  test('is awaited until the cache has seen the version, for that key only', () => {
    let seen = 10
    const expectations = new Expectations((_key, version) => seen >= Number(version))
    expect(expectations.satisfied('n/a')).toBe(true)
    expectations.expect('n/a', '12')
    expectations.expect('n/a', '15')
    expect([expectations.satisfied('n/a'), expectations.satisfied('n/b')]).toEqual([false, true])
    seen = 14
    expect(expectations.satisfied('n/a')).toBe(false)
    seen = 15
    expect(expectations.satisfied('n/a')).toBe(true)
  })

  test('is not expected where the API server gave none', () => {
    const expectations = new Expectations(() => false)
    expectations.expect('n/a', undefined)
    expect([expectations.satisfied('n/a'), expectations.size]).toEqual([true, 0])
  })

  test('of keys that are not asked about again is not kept for ever', () => {
    let seen = 0
    const expectations = new Expectations((_key, version) => seen >= Number(version))
    for (let version = 1; version <= 5_000; version++) expectations.expect(`n/${version}`, String(version))
    expect(expectations.size).toBe(5_000)
    seen = 10_000
    for (let version = 5_001; version <= 10_000; version++)
      expectations.expect(`n/${version}`, String(version))
    expect(expectations.size).toBeLessThan(2_000)
  })
})
