import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVersions, keyOf, pathOf, RESOURCES, splitKey } from '../../../../operator/kube/object.ts'
import { Store } from '../../../../operator/kube/store.ts'
import { Expectations } from '../../../../operator/kube/expectations.ts'

type Item = {
  namespace: string
  name: string
  uid: string
  resourceVersion: string
  owner: string
  labels: string[]
}

const items = fc.record({
  namespace: fc.constantFrom('x', 'y'),
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  uid: fc.constantFrom('1', '2'),
  resourceVersion: fc.constant('1'),
  owner: fc.constantFrom('o', 'p', 'q'),
  labels: fc.uniqueArray(fc.constantFrom('l', 'm', 'n')),
})

describe('the store', () => {
  test('its indexes say what a search through all objects says', () => {
    const changes = fc.array(
      fc.oneof(
        items.map((item) => ({ set: item })),
        items.map((item) => ({ delete: item })),
      ),
    )
    fc.assert(
      fc.property(changes, (changes) => {
        const store = new Store<Item, 'owner' | 'label'>({
          owner: ({ owner }) => [owner],
          label: ({ labels }) => labels,
        })
        const model = new Map<string, Item>()
        for (const change of changes) {
          if ('set' in change) {
            store.set(change.set)
            model.set(keyOf(change.set), change.set)
          } else {
            store.delete(keyOf(change.delete))
            model.delete(keyOf(change.delete))
          }
        }
        const all = [...model.values()]
        expect(store.size).toBe(model.size)
        for (const owner of ['o', 'p', 'q']) {
          expect(new Set(store.by('owner', owner))).toEqual(
            new Set(all.filter((item) => item.owner === owner)),
          )
        }
        for (const label of ['l', 'm', 'n']) {
          expect(new Set(store.by('label', label))).toEqual(
            new Set(all.filter(({ labels }) => labels.includes(label))),
          )
        }
      }),
    )
  })
})

describe('names', () => {
  test('a key and its parts', () => {
    expect(splitKey(keyOf({ namespace: 'n', name: 'a.b' }))).toEqual({ namespace: 'n', name: 'a.b' })
    expect(splitKey(keyOf({ name: 'cluster-wide' }))).toEqual({ namespace: '', name: 'cluster-wide' })
  })

  test('paths', () => {
    expect(pathOf(RESOURCES.pods)).toBe('/api/v1/pods')
    expect(pathOf(RESOURCES.schedules, { namespace: 'n', name: 'a/../b', subresource: 'status' })).toBe(
      '/apis/rapidrmf.io/v1alpha1/namespaces/n/validationschedules/a%2F..%2Fb/status',
    )
  })

  test('versions are ordered as the numbers they are', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n }), fc.bigInt({ min: 1n }), (a, b) => {
        const expected = a < b ? -1 : Number(a > b)
        expect(Math.sign(compareVersions(String(a), String(b)) ?? Number.NaN)).toBe(expected)
      }),
    )
    for (const odd of ['', '0', '007', 'abc', '-1']) expect(compareVersions(odd, '5')).toBeUndefined()
  })
})

describe('the echo of an own write', () => {
  test('is awaited until the cache has seen the version, for that key only', () => {
    let seen = 10
    const echo = new Expectations((_key, version) => seen >= Number(version))
    expect(echo.satisfied('n/a')).toBe(true)
    echo.expect('n/a', '12')
    echo.expect('n/a', '15')
    expect([echo.satisfied('n/a'), echo.satisfied('n/b')]).toEqual([false, true])
    seen = 14
    expect(echo.satisfied('n/a')).toBe(false)
    seen = 15
    expect(echo.satisfied('n/a')).toBe(true)
  })

  test('of keys that nobody asks about again is not kept for ever', () => {
    let seen = 0
    const echo = new Expectations((_key, version) => seen >= Number(version))
    for (let version = 1; version <= 5_000; version++) echo.expect(`n/${version}`, String(version))
    expect(echo.size).toBe(5_000)
    seen = 10_000
    for (let version = 5_001; version <= 10_000; version++) echo.expect(`n/${version}`, String(version))
    expect(echo.size).toBeLessThan(2_000)
  })
})
