import { expect, test } from 'vitest'
import { storableText, storageProblem } from '../../job-image/storable-text.ts'

test.each([
  ['', undefined, ''],
  ['café 😀 \uFFFD\n', undefined, 'café 😀 \uFFFD\n'],
  ['a\0b\0', 'a NUL character, which PostgreSQL cannot store', 'a\uFFFDb\uFFFD'],
  ['a\uD83D', 'half of a surrogate pair, which PostgreSQL cannot store', 'a\uFFFD'],
  ['\uDE00a', 'half of a surrogate pair, which PostgreSQL cannot store', '\uFFFDa'],
])('%j has the problem "%s" and is stored as %j', (text, problem, stored) => {
  expect(storageProblem(text)).toBe(problem)
  expect(storableText(text)).toBe(stored)
  expect(storageProblem(stored)).toBeUndefined()
})
