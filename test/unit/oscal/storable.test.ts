import { expect, test } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import type { BaselineImport, CatalogImport, Import } from '../../../job-image/oscal/import.ts'
import { refuseUnstorable } from '../../../job-image/oscal/storable.ts'

const CONTROL = {
  canonical: 'k-1',
  controlId: 'K-1',
  title: 'T',
  family: 'K',
  withdrawn: false,
  parent: undefined,
}

const CATALOG: CatalogImport = {
  kind: 'catalog',
  source: 'h.json',
  name: 'handbook',
  title: 'Handbook',
  version: '1',
  framework: 'handbook',
  whole: false,
  authoritative: true,
  controls: [CONTROL],
}

const BASELINE: BaselineImport = {
  kind: 'baseline',
  source: 'p.json',
  name: 'low',
  title: 'Low',
  version: null,
  framework: 'handbook',
  controls: ['k-1'],
  withdrawn: 0,
}

/** The problems of an import, one on each line. */
function problemsOf(item: Import): string {
  try {
    refuseUnstorable(item)
  } catch (thrown) {
    if (thrown instanceof InputError) return thrown.message
    throw thrown
  }
  return ''
}

const of = (length: number): string => 'x'.repeat(length)

test('an import that fills its columns can be stored', () => {
  const wide = { name: '😀'.repeat(100), framework: of(100), source: of(500), title: '', version: '' }
  expect(problemsOf({ ...CATALOG, ...wide, controls: [{ ...CONTROL, controlId: of(50) }] })).toBe('')
  expect(problemsOf({ ...BASELINE, ...wide })).toBe('')
})

test.each<[Partial<CatalogImport>, string]>([
  [
    { name: of(101) },
    'name does not fit catalogs.name: 101 characters, at most 100 can be stored; give another one with --name',
  ],
  [
    { framework: of(101) },
    'framework does not fit catalogs.framework: 101 characters, at most 100 can be stored; give another one with --framework',
  ],
  [{ name: ' ' }, 'name does not fit catalogs.name: it is empty; give another one with --name'],
  [
    { title: 'a\0' },
    'title does not fit catalogs.title: it holds a NUL character, which PostgreSQL cannot store',
  ],
  [
    { version: '\uD800' },
    'version does not fit catalogs.version: it holds half of a surrogate pair, which PostgreSQL cannot store',
  ],
  [
    { controls: [{ ...CONTROL, controlId: of(51) }] },
    `control "${of(51)}": its controlId does not fit controls.control_id: 51 characters, at most 50 can be stored`,
  ],
  [
    { controls: [CONTROL, { ...CONTROL, family: ' ' }] },
    'control "K-1": its family does not fit controls.family: it is empty',
  ],
])('a catalog with %j is refused', (changes, message) => {
  expect(problemsOf({ ...CATALOG, ...changes })).toBe(`h.json: ${message}`)
})

test('a path that is too long is refused by the column of its table', () => {
  const source = of(501)
  const what = '501 characters, at most 500 can be stored'
  expect(problemsOf({ ...CATALOG, source })).toBe(
    `${source}: source does not fit catalogs.oscal_path: ${what}`,
  )
  expect(problemsOf({ ...BASELINE, source })).toBe(`${source}: source does not fit baselines.source: ${what}`)
})

test('all problems are reported at once', () => {
  const controls = [
    { ...CONTROL, title: '\0' },
    { ...CONTROL, controlId: 'K-2', family: '\uDC00' },
  ]
  expect(problemsOf({ ...CATALOG, name: of(101), controls }).split('\n')).toHaveLength(3)
})
