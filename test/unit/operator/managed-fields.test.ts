import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutManagedFields } from '../../../operator/kube/managed-fields.ts'

const anything = fc.jsonValue() as fc.Arbitrary<unknown>
/** Texts that look like the end, or like the beginning, of what is left out. */
const hostile = fc.constantFrom('"managedFields":[', ']},"spec":', '\\"]', '\\', '[[[', ']]]', '"')

describe('an object without its managedFields', () => {
  it('is otherwise the same, whatever it holds and in whatever order', () => {
    const entry = fc.record({
      manager: fc.oneof(fc.string(), hostile),
      fieldsV1: fc.dictionary(fc.oneof(fc.string(), hostile), anything),
    })
    fc.assert(
      fc.property(
        fc.record({
          annotations: fc.dictionary(fc.oneof(fc.string(), hostile), fc.oneof(fc.string(), hostile)),
          entries: fc.array(entry),
          name: fc.oneof(fc.string(), hostile),
          spec: anything,
        }),
        fc.boolean(),
        ({ annotations, entries, name, spec }, last) => {
          const of = (managedFields: readonly unknown[]): object => ({
            type: 'ADDED',
            object: {
              metadata: last ? { annotations, name, managedFields } : { annotations, managedFields, name },
              spec,
            },
          })
          const trimmed = withoutManagedFields(JSON.stringify(of(entries)))
          expect(JSON.parse(trimmed)).toEqual(JSON.parse(JSON.stringify(of([]))))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is the text itself where there are none', () => {
    const text = '{"metadata":{"name":"a"},"spec":{"args":["\\"managedFields\\":["]}}'
    expect(withoutManagedFields(text)).toBe(text)
  })

  it.each(['{"metadata":{"managedFields":[{"a":["]"', '{"metadata":{"managedFields":["\\'])(
    'leaves a text that breaks off as it is: %s',
    (text) => {
      expect(withoutManagedFields(text)).toBe(text)
    },
  )
})
