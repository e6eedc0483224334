import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileGlob, compileStarGlob } from '../../../common/glob.ts'

/** The definition, character by character, for every beginning of both. */
function naive(pattern: readonly string[], text: readonly string[], any = '?'): boolean {
  const [symbol, ...rest] = pattern
  if (symbol === undefined) return text.length === 0
  if (symbol === '*') return naive(rest, text, any) || (text.length > 0 && naive(pattern, text.slice(1), any))
  return text.length > 0 && (symbol === any || symbol === text[0]) && naive(rest, text.slice(1), any)
}

/** No symbol: with it, every character but `*` stands for itself. */
const NONE = ''

const symbols = fc.constantFrom('a', 'b', '*', '?', '.', '\\', '%', '_', '[', '^', '😀')

describe('a pattern', () => {
  it('means what its definition says', () => {
    fc.assert(
      fc.property(
        fc.array(symbols, { maxLength: 8 }),
        fc.array(symbols, { maxLength: 10 }),
        (pattern, text) => {
          expect(compileGlob(pattern.join(''))(text.join(''))).toBe(naive(pattern, text))
          const literal = compileStarGlob(pattern.join(''))
          expect(literal(text.join(''))).toBe(naive(pattern, text, NONE))
        },
      ),
      { numRuns: 5_000 },
    )
  })

  it.each([
    ['pay*', 'payments', true],
    ['*-eu', 'web-eu-1', false],
    ['web-?', 'web-12', false],
    ['?', '😀', true],
    ['100%', '100 percent', false],
    ['a_b', 'axb', false],
    ['[ab]', 'a', false],
    ['a.c', 'abc', false],
    ['', '', true],
    ['**', '', true],
  ])('%s against %s', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected)
  })

  it('never backtracks without bound', () => {
    const hostile = [
      `${'*a'.repeat(120)}*b`,
      `${'a*'.repeat(120)}b`,
      `${'?*'.repeat(120)}b`,
      `*${'a'.repeat(120)}b`,
      `${'*'.repeat(254)}b`,
    ].map(compileGlob)
    const text = 'a'.repeat(255)
    // A pattern that tries every split would not finish with one of them.
    for (let round = 0; round < 100; round += 1) {
      for (const matches of hostile) expect(matches(text)).toBe(false)
    }
  })
})
