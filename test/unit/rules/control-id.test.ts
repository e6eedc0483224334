import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  baseControlId,
  canonicalControlId,
  compareControlIds,
  displayControlId,
  familyOf,
  formerControlId,
  suggestId,
} from '../../../job-image/rules/control-id.ts'
import { NIST_800_53 as NIST } from '../../../job-image/rules/framework.ts'
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
    expect(canonicalControlId(text, NIST)).toBe(id)
  })

  test.each(['', ' ', '-', 'AC-', 'AC-2(', 'AC-2()', 'AC 2', 'AC-2;DROP', '../etc', 'ä-1', 'a'.repeat(51)])(
    'refuses %j',
    (text) => {
      expect([NIST, 'handbook', undefined].map((each) => canonicalControlId(text, each))).toEqual([
        undefined,
        undefined,
        undefined,
      ])
    },
  )

  test.each([
    ['ISM-0445', 'ism-0445'],
    ['AC-02', 'ac-02'],
    ['AC-2 (01)', 'ac-2(01)'],
    ['SP_800_171_03.05.07', 'sp_800_171_03.05.07'],
    ['164.308(a)(1)', '164.308(a)(1)'],
  ])('leaves %j of another framework as published: %s', (text, id) => {
    expect(canonicalControlId(text, 'handbook')).toBe(id)
    expect(canonicalControlId(text, undefined)).toBe(id)
  })

  test('knows the spelling of earlier releases', () => {
    expect(['ism-0445', 'ac-2.1', 's1.1.1', 'odd id'].map(formerControlId)).toEqual([
      'ism-445',
      'ac-2.1',
      's1.1.1',
      'odd id',
    ])
    const suggest = suggestId(['ISM-0039', 'ISM-0445', 'ism-00445'])
    expect(['ISM-445', 'ISM-44', 'no id'].map(suggest)).toEqual(['ISM-0445', undefined, undefined])
  })

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
        for (const text of [...spellings(id), displayControlId(id)])
          expect(canonicalControlId(text, NIST)).toBe(id)
      }),
    )
  })

  test('is stable: reading a canonical id changes nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), nistIds), fc.constantFrom(NIST, 'handbook'), (text, framework) => {
        const id = canonicalControlId(text, framework)
        if (id === undefined) return
        const again = [id, displayControlId(id)].map((each) => canonicalControlId(each, framework))
        expect(again).toEqual([id, id])
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
