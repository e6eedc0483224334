import { expect, test } from 'vitest'
import { comparableId, controlMatcher, dotted } from '../../../job-image/rules/control-pattern.ts'

const NIST = 'nist-800-53-rev5'

test.each<[string, string, string | undefined, boolean]>([
  ['AC-2', 'ac-02', NIST, true],
  ['ac-02', 'AC-2', NIST, true],
  [' AC-2 ', 'AC-2', NIST, true],
  ['AC-2(1)', 'ac-2.1', NIST, true],
  ['AC-2', 'AC-2(1)', NIST, false],
  ['AC-2', 'AC-20', NIST, false],
  ['AC-*', 'ac-2.1', NIST, true],
  ['AC-?', 'AC-02', NIST, true],
  ['AC-?', 'AC-12', NIST, false],
  ['ac-2(*)', 'AC-2(10)', NIST, true],
  ['ac-2(*)', 'AC-2', NIST, false],
  ['AC-02*', 'AC-2(1)', NIST, true],
  ['AC-0*', 'AC-2', NIST, false],
  // Other frameworks have one spelling, in either case.
  ['ac-02', 'AC-02', 'handbook', true],
  ['AC-2', 'AC-02', 'handbook', false],
  ['ISM-044?', 'ism-0445', 'ism', true],
  ['ISM-44*', 'ISM-0445', 'ism', false],
  ['k-2(a)', 'K-2.a', 'handbook', true],
  ['AC-02', 'AC-2', undefined, false],
  ['AC-2', 'ac-2', undefined, true],
  ['odd *', 'Odd id', undefined, true],
])('the pattern "%s" and the control "%s" of %s match: %s', (pattern, id, framework, expected) => {
  expect(controlMatcher(pattern)(comparableId(id, framework))).toBe(expected)
})

test('a comparable id is canonical, and says whether it is one of NIST SP 800-53', () => {
  expect(comparableId('AC-02(01)', 'nist-800-53-rev4')).toEqual({ text: 'ac-2.1', isNist: true })
  expect(comparableId('AC-02', 'handbook')).toEqual({ text: 'ac-02', isNist: false })
  expect(comparableId('Odd Id', undefined)).toEqual({ text: 'odd id', isNist: false })
})

test.each([
  ['AC-2(1)', 'AC-2.1'],
  ['AC-2 (1)', 'AC-2.1'],
  ['ac-2(*)', 'ac-2.*'],
  ['AC-2(1) note', 'AC-2(1) note'],
  ['AC-2', 'AC-2'],
])('%s is compared as %s', (text, expected) => {
  expect(dotted(text)).toBe(expected)
})
