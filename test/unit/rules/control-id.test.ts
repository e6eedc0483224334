import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  baseControlId,
  canonicalControlId,
  compareControlIds,
  displayControlId,
  familyOf,
} from '../../../job-image/rules/control-id.ts'
import { spellings } from '../../support/worlds.ts'

describe('canonicalControlId', () => {
  test.each([
    ['AC-2', 'ac-2'],
    ['ac-02', 'ac-2'],
    [' AC-2 ', 'ac-2'],
    ['AC-2(1)', 'ac-2.1'],
    ['AC-02(01)', 'ac-2.1'],
    ['AC-2 (1)', 'ac-2.1'],
    ['AC-2( 1 )', 'ac-2.1'],
    ['ac-2.1', 'ac-2.1'],
    ['AC-2.1', 'ac-2.1'],
    ['ac-02.01', 'ac-2.1'],
    ['AC\u20112', 'ac-2'],
    ['SC-10', 'sc-10'],
    ['S1.1.1', 's1.1.1'],
    ['A.5.23', 'a.5.23'],
    ['164.308(a)(1)', '164.308(a)(1)'],
    ['AC.L2-3.1.1', 'ac.l2-3.1.1'],
  ])('reads %j as %s', (text, id) => {
    expect(canonicalControlId(text)).toBe(id)
  })

  test.each(['', ' ', '-', 'AC-', 'AC-2(', 'AC-2()', 'AC 2', 'AC-2;DROP', '../etc', 'ä-1', 'a'.repeat(51)])(
    'refuses %j',
    (text) => {
      expect(canonicalControlId(text)).toBeUndefined()
    },
  )

  const nistIds = fc
    .tuple(
      fc.constantFrom('ac', 'sc', 'pm'),
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.integer({ min: 1, max: 40 })),
    )
    .map(([family, number, item]) => (item === null ? `${family}-${number}` : `${family}-${number}.${item}`))

  test('knows every spelling of an id, also the one it is displayed in', () => {
    fc.assert(
      fc.property(nistIds, (id) => {
        for (const text of [...spellings(id), displayControlId(id)]) expect(canonicalControlId(text)).toBe(id)
      }),
    )
  })

  test('is stable: reading a canonical id changes nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), nistIds), (text) => {
        const id = canonicalControlId(text)
        if (id !== undefined)
          expect([canonicalControlId(id), canonicalControlId(displayControlId(id))]).toEqual([id, id])
      }),
    )
  })
})

test('family and base control', () => {
  expect(['ac-2', 'ac-2.1', 's1.1.1', 'ac-dc', 'ac.l2-3.1.1'].map(familyOf)).toEqual([
    'AC',
    'AC',
    undefined,
    undefined,
    undefined,
  ])
  expect(['ac-2', 'ac-2.1', 's1.1.1'].map(baseControlId)).toEqual([undefined, 'ac-2', undefined])
})

test('ids are ordered as people count', () => {
  const ordered = ['ac-1', 'ac-2', 'ac-2.1', 'ac-2.2', 'ac-2.10', 'ac-3', 'ac-10', 'au-1']
  expect(ordered.toReversed().sort(compareControlIds)).toEqual(ordered)
})
