import { expect, it } from 'vitest'
import { list, number, record, text } from '../../../../operator/values/untyped-json.ts'

it('reads values of the expected type', () => {
  expect([record({ a: 1 }), list([{ a: 1 }, 'x', null]), text('x'), number(7)]).toEqual([
    { a: 1 },
    [{ a: 1 }, {}, {}],
    'x',
    7,
  ])
})

it.each([undefined, null, 'text', 5, true])(
  'reads %j as absent where an object or a list is expected',
  (value) => {
    expect(record(value)).toEqual({})
    expect(list(value)).toEqual([])
  },
)

it('reads values of other types as absent', () => {
  expect([text(5), text(null), text({}), number('5'), number(null), list({ length: 1 })]).toEqual([
    undefined,
    undefined,
    undefined,
    0,
    0,
    [],
  ])
})
