import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesGlob } from '../../../job-image/oscal/selection.ts'
import { LETTERS, catalog, idsOf, profile, resolveIn, select } from './fixtures/documents.ts'

const patterns = (...each: string[]) => each.map((pattern) => ({ pattern }))

test('include-all takes every control, nested ones too', () => {
  expect(idsOf(select({ 'include-all': {} }))).toHaveLength(11)
})

test('with-ids takes exactly these, with-child-controls their descendants too', () => {
  const ids = ['a1', 'b1', 'c1', 'c3']
  const include = (extra: object) => select({ 'include-controls': [{ 'with-ids': ids, ...extra }] })
  expect(idsOf(include({}))).toEqual(ids)
  expect(idsOf(include({ 'with-child-controls': 'no' }))).toEqual(ids)
  expect(idsOf(include({ 'with-child-controls': 'yes' }))).toEqual([...ids, 'c3.a', 'c3.a-1'])
})

test('an id of NIST SP 800-53 selects in every spelling', () => {
  const files = {
    'c.json': catalog({ ac: ['ac-2', 'AC-03', 'ac-6.1'] }, 'NIST SP 800-53'),
    'profile.json': profile([
      { href: 'c.json', 'include-controls': [{ 'with-ids': ['AC-02', 'ac-3', 'AC-6(01)'] }] },
    ]),
  }
  expect(resolveIn(files).controls.map(({ canonical }) => canonical)).toEqual(['ac-2', 'ac-3', 'ac-6.1'])
})

test('an id of another framework selects as published, in either case', () => {
  const files = (id: string) => ({
    'c.json': catalog({ g: ['ism-0445'] }),
    'profile.json': profile([{ href: 'c.json', 'include-controls': [{ 'with-ids': [id] }] }]),
  })
  expect(resolveIn(files('ISM-0445')).controls.map(({ canonical }) => canonical)).toEqual(['ism-0445'])
  expect(() => resolveIn(files('ism-445'))).toThrow('control "ism-445" is not in c.json')
})

test('a pattern is a glob over the whole id; an empty or absent one matches nothing', () => {
  const match = (...matching: object[]) => idsOf(select({ 'include-controls': [{ matching }] }))
  expect(match(...patterns('a*', '?1'))).toEqual(['a1', 'a2', 'a3', 'b1', 'c1'])
  expect(match(...patterns('c3'))).toEqual(['c3'])
  expect(match(...patterns('^a'))).toEqual([])
  expect(match(...patterns(''), {})).toEqual([])
})

test('a pattern that matches nothing is reported', () => {
  const { warnings } = select({ 'include-controls': [{ matching: patterns('A*') }] })
  expect(warnings).toEqual([
    'profile.json: imports[0].include-controls[0].matching: the pattern "A*" matches no control of letters.json',
  ])
})

test('exclusion beats inclusion, by id, by pattern and with children', () => {
  const without = (...selectors: object[]) =>
    idsOf(select({ 'include-all': {}, 'exclude-controls': selectors }, { 'as-is': true }))
  expect(without({ matching: patterns('a*', 'b*', 'c1') })).toEqual(['c2', 'c3', 'c3.a', 'c3.a-1'])
  expect(without({ 'with-ids': ['c3'] }, { matching: patterns('?1', '?2') })).toEqual([
    'a3',
    'b3',
    'c3.a',
    'c3.a-1',
  ])
  expect(without({ 'with-ids': ['c3'], 'with-child-controls': 'yes' })).toHaveLength(8)
})

test('a control that is selected twice counts once', () => {
  const twice = [{ 'with-ids': ['a1', 'a1'] }, { matching: patterns('a1', '?1') }]
  expect(idsOf(select({ 'include-controls': twice }))).toEqual(['a1', 'b1', 'c1'])
})

test.each(['include-controls', 'exclude-controls'])(
  'an unknown id in %s is named with its file',
  (member) => {
    const selection = member === 'exclude-controls' ? { 'include-all': {} } : {}
    const selectors = [{ 'with-ids': ['a1'] }, { 'with-ids': ['a9', 'zz-1'] }]
    expect(() => select({ ...selection, [member]: selectors })).toThrow(
      [
        `profile.json: imports[0].${member}[1].with-ids: control "a9" is not in letters.json`,
        `profile.json: imports[0].${member}[1].with-ids: control "zz-1" is not in letters.json`,
      ].join('\n'),
    )
  },
)

test.each([
  [{}, 'imports[0]: has neither include-all nor include-controls'],
  [
    { 'exclude-controls': [{ 'with-ids': ['a1'] }] },
    'imports[0]: has neither include-all nor include-controls',
  ],
  [
    { 'include-all': {}, 'include-controls': [{ 'with-ids': ['a1'] }] },
    'imports[0]: has both include-all and include-controls',
  ],
])('the import %j is refused', (selection, message) => {
  expect(() => select(selection)).toThrow(`profile.json: ${message}: exactly one of them is needed`)
})

test('null is not "all"', () => {
  expect(() => select({ 'include-all': null })).toThrow('profile.imports[0].include-all')
})

test('the same control of two parts of a nested profile is found wherever it stands', () => {
  const files = {
    'letters.json': LETTERS,
    'inner.json': profile(
      [
        { href: 'letters.json', 'include-controls': [{ 'with-ids': ['a1', 'b1'] }] },
        { href: 'letters.json', 'include-controls': [{ 'with-ids': ['b1'] }] },
      ],
      { merge: { 'as-is': true } },
    ),
    'profile.json': profile([{ href: 'inner.json', 'include-controls': [{ 'with-ids': ['b1'] }] }]),
  }
  expect(idsOf(resolveIn(files))).toEqual(['b1', 'b1'])
})

test('globs agree with the regular expression they stand for, and many stars are no trouble', () => {
  const alphabet = fc.constantFrom('a', 'b', '.', '*', '?')
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 })
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 6 }), text, (pattern, id) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('?', '.').replaceAll('*', '.*')
      expect(matchesGlob(pattern, id)).toBe(pattern !== '' && new RegExp(`^${source}$`).test(id))
    }),
    { numRuns: 2000 },
  )
  expect(matchesGlob('*a'.repeat(25) + 'b', 'a'.repeat(50))).toBe(false)
})
