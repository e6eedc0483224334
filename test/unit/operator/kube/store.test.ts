import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../../../../operator/kube/object.ts'
import { Store } from '../../../../operator/kube/store.ts'

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
