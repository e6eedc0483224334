import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainText, reasonWord } from '../../../../operator/values/plain-text.ts'

describe('plain text', () => {
  it.each([
    ['a\nb\tc', 'a b c'],
    ['  a   b ', 'a b'],
    ['\u001b[31mred', '[31mred'],
    ['left\u202Eright', 'left right'],
    ['half \uD800 pair', 'half pair'],
    ['<b>&amp;</b>', '<b>&amp;</b>'],
  ])('of %j is one line: %j', (text, line) => {
    expect(plainText(text, 100)).toBe(line)
  })

  it('is cut between characters, with a sign', () => {
    expect(plainText('abcd', 4)).toBe('abcd')
    expect(plainText('abcde', 4)).toBe('abc…')
    expect(plainText('👩👩👩👩', 3)).toBe('👩👩…')
  })

  it('has no control character, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, length) => {
        const line = plainText(text, length)
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
        expect(Array.from(line).length).toBeLessThanOrEqual(length)
      }),
    )
  })
})

it.each([
  ['OOMKilled', 'OOMKilled'],
  ['no word', 'Other'],
  ['', 'Other'],
  ['1st', 'Other'],
  ['x'.repeat(129), 'Other'],
])('the reason %j becomes %s', (text, reason) => {
  expect(reasonWord(text, 'Other')).toBe(reason)
})
