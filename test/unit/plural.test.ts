import { expect, test } from 'vitest'
import { plural } from '../../job-image/plural.ts'

test.each([
  [0, '0 systems'],
  [1, '1 system'],
  [2, '2 systems'],
])('%i is "%s"', (count, text) => {
  expect(plural(count, 'system')).toBe(text)
})
