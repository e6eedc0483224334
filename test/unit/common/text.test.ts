import { describe, expect, test } from 'vitest'
import { truncate, truncateToBytes } from '../../../common/text.ts'

describe('truncate', () => {
  test.each([
    ['short', 'short'],
    ['x'.repeat(10), 'x'.repeat(10)],
    ['x'.repeat(11), `${'x'.repeat(9)}…`],
    ['🙂'.repeat(10), '🙂'.repeat(10)],
    ['🙂'.repeat(11), `${'🙂'.repeat(9)}…`],
  ])('counts characters: %s', (text, expected) => {
    expect(truncate(text, 10)).toBe(expected)
  })
})

describe('truncateToBytes', () => {
  test.each([
    ['short', 'short'],
    ['x'.repeat(1024), 'x'.repeat(1024)],
    ['x'.repeat(1025), `${'x'.repeat(1021)}…`],
    ['é'.repeat(600), `${'é'.repeat(510)}…`],
    ['🙂'.repeat(300), `${'🙂'.repeat(255)}…`],
  ])('a note of at most 1,024 bytes, cut between characters', (text, expected) => {
    const cut = truncateToBytes(text, 1024)
    expect(cut).toBe(expected)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(1024)
  })

  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'ab…'],
    ['ééé', 6, 'ééé'],
    ['éééé', 7, 'éé…'],
    ['éééé', 6, 'é…'],
    ['😀😀', 7, '😀…'],
    ['😀😀', 6, '…'],
    ['a\ud800', 4, 'a\ufffd'],
  ])('%j within %i bytes is %j', (text, bytes, expected) => {
    const cut = truncateToBytes(text, bytes)
    expect(cut).toBe(expected)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes)
  })
})
