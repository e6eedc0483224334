import { expect, test } from 'vitest'
import { defined } from '../../../common/defined.ts'

test('drops the keys whose value is undefined, and keeps all other values and their order', () => {
  const copy = defined({ b: undefined, z: null, a: 0, empty: '', no: false, inner: { x: undefined } })
  expect(Object.entries(copy)).toStrictEqual([
    ['z', null],
    ['a', 0],
    ['empty', ''],
    ['no', false],
    ['inner', { x: undefined }],
  ])
})

test('leaves its argument as it is', () => {
  const object = { a: 1, b: undefined }
  expect(defined(object)).not.toBe(object)
  expect(Object.keys(object)).toEqual(['a', 'b'])
})
