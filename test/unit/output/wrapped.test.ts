import { expect, it } from 'vitest'
import { wrapped } from '../../../job-image/output/wrapped.ts'

it('breaks at spaces, within the width', () => {
  expect(wrapped('one two three four', 12, '  ')).toBe('  one two\n  three four\n')
})

it('gives a word that is longer than a line its own, uncut', () => {
  expect(wrapped(`a ${'x'.repeat(20)} b`, 10, '')).toBe(`a\n${'x'.repeat(20)}\nb\n`)
})

it('counts columns of the terminal, not characters', () => {
  expect(wrapped('漢字 漢字', 8, '')).toBe('漢字\n漢字\n')
  expect(wrapped('漢字 漢字', 9, '')).toBe('漢字 漢字\n')
})
