import { describe, expect, test } from 'vitest'
import { NOTHING, holdingsOf, isValid, nextChange } from '../../../job-image/validation/evidence.ts'
import type { EvidenceRow } from '../../../job-image/validation/model.ts'

const NOW = 1_000
const TYPES = new Map([
  ['log', 0],
  ['scan', 1],
])

function row(id: number, more: Partial<EvidenceRow> = {}): EvidenceRow {
  return { id, type: 'log', key: 'a.json', collectedAt: 500, expiresAt: null, ...more }
}

/** The id of the valid row of `log`, and the expiry that would be reported. */
function held(...rows: EvidenceRow[]): (number | undefined)[] {
  const [log] = holdingsOf(TYPES, rows, NOW)
  expect(holdingsOf(TYPES, rows.toReversed(), NOW)[0]).toEqual(log)
  return [log?.valid?.id, log?.expiredAt]
}

describe('evidence is valid', () => {
  test.each([
    [null, true],
    [NOW + 1, true],
    [NOW, false],
    [NOW - 1, false],
    [Infinity, true],
    [-Infinity, false],
  ])('until its expiry is reached: expiry %s at 1000', (expiresAt, valid) => {
    expect(isValid(row(1, { expiresAt }), NOW)).toBe(valid)
  })
})

describe('of one type, a system has', () => {
  test('nothing without a row, one holding for each type', () => {
    expect(holdingsOf(TYPES, [row(1, { type: 'other' })], NOW)).toEqual([NOTHING, NOTHING])
    expect(holdingsOf(TYPES, [row(1, { type: 'scan' })], NOW)).toMatchObject([NOTHING, { valid: { id: 1 } }])
  })

  test('the row that was collected last, of equal times the lower key, of equal keys the lower id', () => {
    expect(held(row(1, { collectedAt: 499 }), row(2, { collectedAt: 500 }))).toEqual([2, undefined])
    expect(held(row(1, { key: 'b' }), row(2, { key: 'a' }))).toEqual([2, undefined])
    expect(held(row(1), row(2))).toEqual([1, undefined])
    // As PostgreSQL orders UTF-8: U+FF01 before U+1F600, unlike UTF-16.
    expect(held(row(1, { key: '\u{1f600}' }), row(2, { key: '\u{ff01}' }))).toEqual([2, undefined])
  })

  test('the latest expiry where all rows have expired, and beside a valid row too', () => {
    expect(held(row(1, { expiresAt: 900 }), row(2, { expiresAt: 800 }))).toEqual([undefined, 900])
    expect(held(row(1, { expiresAt: 900 }), row(2, { collectedAt: 1 }))).toEqual([2, 900])
    expect(held(row(1, { expiresAt: -Infinity }))).toEqual([undefined, -Infinity])
  })
})

describe('the next moment that can change a decision is', () => {
  test.each<[string, Partial<EvidenceRow>[], number | null]>([
    ['none without rows', [], null],
    ['none for evidence without an expiry', [{}], null],
    ['the next expiry', [{ expiresAt: 1_200 }, { expiresAt: 1_100 }], 1_100],
    ['the collection of evidence from the future', [{ collectedAt: 1_050, expiresAt: 1_100 }], 1_050],
    ['none that is over', [{ collectedAt: NOW, expiresAt: NOW }], null],
    ['none of a type that no rule names', [{ type: 'other', expiresAt: 1_100 }], null],
    ['none at infinity', [{ expiresAt: Infinity }], null],
  ])('%s', (_, rows, expected) => {
    const evidence = rows.map((each, index) => row(index, each))
    expect(nextChange(TYPES, evidence, NOW)).toBe(expected)
  })
})
