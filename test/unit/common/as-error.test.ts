import { expect, it } from 'vitest'
import { asError } from '../../../common/as-error.ts'

it('keeps an error as it is, with its type', () => {
  const error = new TypeError('wrong')
  expect(asError(error)).toBe(error)
})

it.each([
  ['a text', 'a text'],
  [undefined, 'undefined'],
  [null, 'null'],
  [7, '7'],
])('makes an error of %j', (thrown, message) => {
  const error = asError(thrown)
  expect(error).toBeInstanceOf(Error)
  expect(error.message).toBe(message)
})
