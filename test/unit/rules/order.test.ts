import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { orderByPrerequisites, requiredClosure } from '../../../job-image/rules/order.ts'

const id = fc.nat(12).map(String)
const edges = fc.array(fc.record({ control: id, requires: id }), { maxLength: 30 })

describe('the order of prerequisites', () => {
  it('puts what is required first, or names a cycle that exists', () => {
    fc.assert(
      fc.property(edges, (given) => {
        const ordering = orderByPrerequisites(given)
        if (ordering.cycle === undefined) {
          const at = (control: string) => ordering.order.indexOf(control)
          for (const { control, requires } of given) expect(at(requires)).toBeLessThan(at(control))
          expect(new Set(ordering.order).size).toBe(ordering.order.length)
        } else {
          const { cycle } = ordering
          expect(cycle.length).toBeGreaterThan(1)
          expect(cycle.at(-1)).toBe(cycle[0])
          for (const [index, control] of cycle.slice(0, -1).entries()) {
            expect(given).toContainEqual({ control, requires: cycle[index + 1] })
          }
        }
      }),
    )
  })

  it('follows a chain of any length', () => {
    const chain = Array.from({ length: 20_000 }, (_, at) => ({
      control: String(at),
      requires: String(at + 1),
    }))
    const ordering = orderByPrerequisites(chain)
    expect(ordering.cycle).toBe(undefined)
    expect(ordering.cycle === undefined && ordering.order[0]).toBe('20000')
  })
})

it('collects what is required, directly and through others', () => {
  const given = [
    { control: 'a', requires: 'b' },
    { control: 'b', requires: 'c' },
    { control: 'x', requires: 'a' },
  ]
  expect([...requiredClosure(given, ['a'])].toSorted()).toEqual(['b', 'c'])
  expect([...requiredClosure([...given, { control: 'c', requires: 'a' }], ['a'])].toSorted()).toEqual([
    'a',
    'b',
    'c',
  ])
})
