import { describe, expect, test } from 'vitest'
import { LETTERS, catalog, drawn, idsOf, profile, resolveIn, select } from './fixtures/documents.ts'

const include = (href: string, ...ids: string[]) => ({ href, 'include-controls': [{ 'with-ids': ids }] })

/** A profile of LETTERS that imports once per list of ids. */
function letters(merge: object, ...lists: string[][]) {
  const imports = lists.map((ids) => include('letters.json', ...ids))
  return resolveIn({ 'letters.json': LETTERS, 'profile.json': profile(imports, { merge }) })
}

describe('structure', () => {
  const all = { 'include-all': {} }

  test('flat, also when nothing is said: no groups, no nesting', () => {
    const flat = 'a1 a2 a3 b1 b2 b3 c1 c2 c3 c3.a c3.a-1'
    expect(drawn(select(all, { flat: {} }).outline)).toBe(flat)
    expect(drawn(select(all, {}).outline)).toBe(flat)
    expect(drawn(select(all, { 'as-is': false }).outline)).toBe(flat)
  })

  test('as-is keeps groups and nesting', () => {
    expect(drawn(select(all, { 'as-is': true }).outline)).toBe(
      '[a1 a2 a3] [b1 b2 b3] [c1 c2 c3(c3.a(c3.a-1))]',
    )
  })

  test('as-is moves the child of an unselected control up, and drops empty groups', () => {
    const selection = { 'include-controls': [{ 'with-ids': ['a2', 'c3.a-1', 'c1', 'c3'] }] }
    expect(drawn(select(selection, { 'as-is': true }).outline)).toBe('[a2] [c1 c3(c3.a-1)]')
    const orphan = { 'include-controls': [{ 'with-ids': ['c3.a'], 'with-child-controls': 'yes' }] }
    expect(drawn(select(orphan, { 'as-is': true }).outline)).toBe('[c3.a(c3.a-1)]')
  })

  test('as-is puts selections of one catalog together in its order', () => {
    expect(drawn(letters({ 'as-is': true }, ['a3', 'c1'], ['a1', 'b2']).outline)).toBe('[a1 a3] [b2] [c1]')
  })

  test('as-is over a flat profile has nothing to restore', () => {
    const files = {
      'letters.json': LETTERS,
      'flat.json': profile([include('letters.json', 'a1', 'c3', 'c3.a')]),
      'profile.json': profile([{ href: 'flat.json', 'include-all': {} }], { merge: { 'as-is': true } }),
    }
    expect(drawn(resolveIn(files).outline)).toBe('a1 c3 c3.a')
  })

  test.each([
    [{ flat: {}, 'as-is': true }, 'flat and as-is'],
    [{ flat: {}, custom: {} }, 'flat and custom'],
    [{ flat: {}, 'as-is': true, custom: {} }, 'flat and as-is and custom'],
  ])('refuses %j', (merge, both) => {
    expect(() => select(all, merge)).toThrow(
      `profile.json: merge: has ${both}: at most one structure is allowed`,
    )
  })
})

describe('combine', () => {
  const lists = [
    ['a1', 'b1', 'c1', 'c3'],
    ['b1', 'c1', 'c3', 'a2'],
  ] as const

  test.each([[{}], [{ combine: {} }], [{ combine: { method: 'keep' } }]])(
    '%j keeps a clash, and says so',
    (merge) => {
      const { controls, warnings } = letters({ ...merge }, [...lists[0]], [...lists[1]])
      expect(controls.map(({ id }) => id).toSorted()).toEqual([
        'a1',
        'a2',
        'b1',
        'b1',
        'c1',
        'c1',
        'c3',
        'c3',
      ])
      expect(warnings).toEqual([
        'profile.json: chosen by more than one import (merge.combine "use-first" keeps one): b1, c1, c3',
      ])
    },
  )

  test('the second selection follows the first', () => {
    expect(idsOf(letters({}, ['a1', 'b1', 'c1', 'c3'], ['b1', 'c1', 'c3']))).toEqual([
      'a1',
      'b1',
      'c1',
      'c3',
      'b1',
      'c1',
      'c3',
    ])
  })

  test('use-first keeps the control of the first import, depth first', () => {
    const other = catalog({ a: ['a1', 'a2', 'a9'] }, 'Others')
    const files = {
      'letters.json': LETTERS,
      'other.json': other,
      'inner.json': profile([include('other.json', 'a2', 'a9')]),
      'profile.json': profile(
        [{ href: 'inner.json', 'include-all': {} }, include('letters.json', 'a1', 'a2')],
        {
          merge: { combine: { method: 'use-first' }, 'as-is': true },
        },
      ),
    }
    const { outline, catalogs, warnings } = resolveIn(files)
    expect(drawn(outline)).toBe('a2 a9 [a1]')
    expect(catalogs.map(({ file }) => file)).toEqual(['other.json', 'letters.json'])
    expect(warnings).toEqual([])
  })

  test('use-first also takes one of a clash that an import brought', () => {
    const files = {
      'letters.json': LETTERS,
      'inner.json': profile([include('letters.json', 'a1'), include('letters.json', 'a1', 'a2')]),
      'profile.json': profile([{ href: 'inner.json', 'include-all': {} }], {
        merge: { combine: { method: 'use-first' } },
      }),
    }
    expect(idsOf(resolveIn(files))).toEqual(['a1', 'a2'])
  })

  test('the deprecated method "merge" gives the same ids as use-first', () => {
    const { controls, warnings } = letters({ combine: { method: 'merge' } }, ['a1', 'a2'], ['a2', 'b1'])
    expect(controls.map(({ id }) => id)).toEqual(['a1', 'a2', 'b1'])
    expect(warnings).toHaveLength(1)
  })

  test('refuses another method', () => {
    expect(() => letters({ combine: { method: 'use-last' } }, ['a1'])).toThrow('profile.merge.combine.method')
  })
})

describe('custom', () => {
  const custom = (body: object) => select({ 'include-all': {} }, { custom: body })

  test('groups hold what they insert, in the order they say', () => {
    const { outline } = custom({
      groups: [
        {
          id: 'x',
          title: 'X',
          'insert-controls': [
            { order: 'descending', 'include-controls': [{ matching: [{ pattern: 'a?' }] }] },
          ],
        },
        {
          title: 'Y',
          groups: [
            { title: 'Z', 'insert-controls': [{ 'include-controls': [{ 'with-ids': ['c3', 'b1'] }] }] },
          ],
        },
        { title: 'empty' },
      ],
      'insert-controls': [
        {
          order: 'ascending',
          'include-all': {},
          'exclude-controls': [{ matching: [{ pattern: '[a]*' }, { pattern: 'c*' }, { pattern: 'a*' }] }],
        },
      ],
    })
    expect(drawn(outline)).toBe('[a3 a2 a1] [[b1 c3]] b1 b2 b3')
  })

  test('what no group inserts is left out, with a warning', () => {
    const { controls, warnings } = custom({
      'insert-controls': [{ 'include-controls': [{ 'with-ids': ['a1'] }] }],
    })
    expect(controls.map(({ id }) => id)).toEqual(['a1'])
    expect(warnings[0]).toContain(
      'merge.custom: selected, but inserted by no group and so left out: a2, a3, b1',
    )
  })

  test('an id that the imports have not selected is ignored, with a warning', () => {
    const files = {
      'letters.json': LETTERS,
      'profile.json': profile([include('letters.json', 'a1', 'a3')], {
        merge: {
          custom: {
            groups: [
              { title: 'G', 'insert-controls': [{ 'include-controls': [{ 'with-ids': ['a1', 'a2'] }] }] },
              { title: 'H', 'insert-controls': [{ 'include-controls': [{ 'with-ids': ['a3'] }] }] },
            ],
          },
        },
      }),
    }
    const { controls, warnings } = resolveIn(files)
    expect(controls.map(({ id }) => id)).toEqual(['a1', 'a3'])
    expect(warnings).toEqual([
      'profile.json: merge.custom.groups[0].insert-controls[0].include-controls[0].with-ids: ' +
        `control "a2" is not in this profile's selection`,
    ])
  })

  test('an insert-controls without a selection is refused', () => {
    expect(() => custom({ groups: [{ title: 'X', 'insert-controls': [{}] }] })).toThrow(
      'profile.json: merge.custom.groups[0].insert-controls[0]: has neither include-all nor include-controls',
    )
  })
})
