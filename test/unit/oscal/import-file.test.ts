import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { CatalogImport, Import } from '../../../job-image/oscal/import.ts'
import { prepareBuiltin, prepareFile } from '../../../job-image/oscal/import-file.ts'
import { LETTERS, catalog, memoryReader, profile } from './fixtures/documents.ts'

function prepare(
  document: unknown,
  { file = 'acme.json', name }: { file?: string; name?: string } = {},
): Import {
  const files = { [file]: document, [join(dirname(file), 'letters.json')]: LETTERS }
  return prepareFile(file, { reader: memoryReader(files), name }).item
}

/** A catalog with other words in its metadata, or with one control changed. */
function altered(document: object, from: string, to: string): unknown {
  return JSON.parse(JSON.stringify(document).replace(from, to))
}

const REV5 = 'NIST SP 800-53 Rev 5 Controls'
const nist = catalog({ ac: ['AC-02', ['AC-03', 'AC-03(07)']] }, REV5)

test('a catalog becomes rows as the tables hold them', () => {
  expect(prepare(nist)).toEqual({
    kind: 'catalog',
    source: 'acme.json',
    name: 'nist-800-53-rev5',
    title: REV5,
    version: '1',
    framework: 'nist-800-53-rev5',
    whole: true,
    authoritative: true,
    controls: [
      { canonical: 'ac-2', controlId: 'AC-2', title: 'Control AC-02', family: 'AC', withdrawn: false },
      { canonical: 'ac-3', controlId: 'AC-3', title: 'Control AC-03', family: 'AC', withdrawn: false },
      {
        canonical: 'ac-3.7',
        controlId: 'AC-3.7',
        title: 'Control AC-03(07)',
        family: 'AC',
        withdrawn: false,
        parent: 'AC-3',
      },
    ],
  })
})

test.each([
  ['acme_catalog.json', undefined, 'acme'],
  ['x/Acme Controls_catalog-min.yaml', undefined, 'acme-controls'],
  ['catalog.json', undefined, 'letters'],
  ['catalogs/handbook/catalog.json', undefined, 'handbook'],
  ['catalogs/handbook/catalog.json', 'Mine', 'Mine'],
  ['handbook/catalog.json', undefined, 'letters'],
  ['acme.json', 'Mine', 'Mine'],
  ['NIST_SP-800-53_rev5_catalog.json', undefined, 'nist-sp-800-53-rev5'],
])('%s with --name %s is stored as %s', (file, name, stored) => {
  expect(prepare(LETTERS, { file, ...(name === undefined ? {} : { name }) }).name).toBe(stored)
})

test.each([
  ['FedRAMP_rev5_HIGH-baseline_profile.json', 'FedRAMP Rev 5 High Baseline', 'fedramp-rev5-high-baseline'],
  ['low.json', 'NIST Special Publication 800-53 Revision 5.2.0 LOW IMPACT BASELINE', 'nist-800-53-rev5-low'],
  ['profile.json', 'Our own selection', 'our-own-selection'],
  [
    '/ws/profiles/handbook-level-1/profile.json',
    `A guide ${'with a long name '.repeat(10)}`,
    'handbook-level-1',
  ],
  ['profiles/handbook-level-1/profile.yaml', 'Our own selection', 'handbook-level-1'],
  ['catalogs/handbook-level-1/profile.json', 'Our own selection', 'our-own-selection'],
])('the profile %s titled "%s" is stored as %s', (file, title, stored) => {
  const document = altered(profile([{ href: 'letters.json', 'include-all': {} }]), 'A profile', title)
  expect(prepare(document, { file })).toMatchObject({ kind: 'baseline', name: stored, framework: 'letters' })
})

test('a profile is membership: each control once', () => {
  const imports = ['a1', 'a2', 'a1'].map((id) => ({
    href: 'letters.json',
    'include-controls': [{ 'with-ids': [id] }],
  }))
  expect(prepare(profile(imports))).toMatchObject({ kind: 'baseline', controls: ['a1', 'a2'], withdrawn: 0 })
})

test('a profile that selects nothing is reported', () => {
  const none = profile([{ href: 'letters.json', 'include-controls': [{ matching: [] }] }])
  const files = { 'p.json': none, 'letters.json': LETTERS }
  expect(prepareFile('p.json', { reader: memoryReader(files) }).warnings).toEqual([
    'p.json: the profile selects no control',
  ])
})

test('a resolved profile of NIST SP 800-53 is membership too, of another framework a catalog', () => {
  const resolved = (title: string) =>
    altered(
      catalog({ ac: ['ac-2'] }, title),
      '"oscal-version"',
      '"links":[{"href":"p.json","rel":"source-profile"}],"oscal-version"',
    )
  expect(prepare(resolved('FedRAMP Rev 5 Low Baseline'))).toMatchObject({
    kind: 'baseline',
    name: 'acme-resolved',
  })
  expect(prepare(resolved('Our controls'))).toMatchObject({ kind: 'catalog', name: 'acme', whole: false })
})

test('a family is the letters of the id, else the outermost group, else what the id begins with', () => {
  const groups = { s1: ['s1.1.1', 'ac-2'], 'a-very-long-group': ['cc6.1'], '': ['x1.2'] }
  const { controls } = prepare(catalog(groups)) as CatalogImport
  expect(controls.map(({ family }) => family)).toEqual(['S1', 'AC', 'CC6', 'X1'])
})

test('the framework comes from the document, whatever the file is called', () => {
  const file = 'NIST_SP-800-53_rev5_catalog.json'
  expect(prepare(LETTERS, { file })).toMatchObject({ framework: 'letters', whole: false })
  expect(prepare(nist, { file: 'acme.json', name: 'ours' })).toMatchObject({
    name: 'ours',
    framework: 'nist-800-53-rev5',
    whole: true,
  })
})

test('the framework may be given', () => {
  const reader = memoryReader({
    'p.json': profile([{ href: 'letters.json', 'include-all': {} }]),
    'letters.json': LETTERS,
  })
  const framework = (file: string): string =>
    prepareFile(file, { reader, framework: 'NIST SP 800-53 Rev. 5' }).item.framework
  expect(['letters.json', 'p.json'].map(framework)).toEqual(['nist-800-53-rev5', 'nist-800-53-rev5'])
})

test('a profile of several frameworks is a baseline of each, and says so', () => {
  const other = catalog({ k: ['a1', 'k-1'] }, 'Handbook')
  const files = {
    'p.json': profile([
      { href: 'letters.json', 'include-controls': [{ 'with-ids': ['a1'] }] },
      { href: 'handbook.json', 'include-controls': [{ 'with-ids': ['k-1'] }] },
    ]),
    'letters.json': LETTERS,
    'handbook.json': other,
  }
  const { item, warnings } = prepareFile('p.json', { reader: memoryReader(files) })
  expect(item.framework).toBe('letters, handbook')
  expect(warnings).toEqual([expect.stringMatching(/^p\.json: the profile selects from several frameworks/)])
})

test('ids of other frameworks are stored as published, in upper case', () => {
  const { controls } = prepare(
    catalog({ g: ['ism-0039', 'ism-0445'] }, 'Information security manual'),
  ) as CatalogImport
  expect(controls.map(({ controlId }) => controlId)).toEqual(['ISM-0039', 'ISM-0445'])
})

test('the family of a control whose group is too long is what tells the group from others', () => {
  const { controls } = prepare(
    catalog({ 'SP_800_171_03.05': ['SP_800_171_03.05.07'] }, 'SP 800-171'),
  ) as CatalogImport
  expect(controls.map(({ controlId, family }) => [controlId, family])).toEqual([
    ['SP_800_171_03.05.07', '03.05'],
  ])
})

test('a catalog without controls is refused', () => {
  expect(() => prepare(catalog({ a: [] }))).toThrow('acme.json: this catalog holds no controls')
})

const long = (length: number): string => 'x'.repeat(length)

test.each([
  [
    altered(LETTERS, 'Control b2', 'a\\u0000b'),
    'control "B2": its title does not fit controls.title: it holds a NUL character',
  ],
  [
    altered(LETTERS, 'Control b2', '\\ud800'),
    'control "B2": its title does not fit controls.title: it holds half of a surrogate pair',
  ],
  [
    altered(LETTERS, '"id":"b2"', `"id":"b${long(50)}"`),
    'its id has more than 50 characters, which controls.control_id cannot hold, and an id is never cut',
  ],
])('refuses what a column cannot hold (%#)', (document, message) => {
  expect(() => prepare(document)).toThrow(message)
})

test('refuses names and paths that are too long', () => {
  expect(() => prepare(LETTERS, { name: long(101) })).toThrow(
    'name does not fit catalogs.name: 101 characters, at most 100 can be stored; give another one with --name',
  )
  expect(() => prepare(LETTERS, { name: ' ' })).toThrow('name does not fit catalogs.name: it is empty')
  const file = `${'d/'.repeat(250)}a.json`
  expect(() => prepare(LETTERS, { file })).toThrow('source does not fit catalogs.oscal_path: 506 characters')
})

test('tells all faults of a file at once', () => {
  const document = altered(altered(LETTERS, 'Control b2', 'a\\u0000') as object, 'Control c1', '\\ud800')
  expect(() => prepare(document)).toThrow(/B2[^]*C1/)
})

test('the built-in catalog comes with its four baselines', () => {
  const items = prepareBuiltin(undefined).map(({ item }) => [item.kind, item.name, item.controls.length])
  expect(items).toEqual([
    ['catalog', 'nist-800-53-rev5', 1189],
    ['baseline', 'nist-800-53-rev5-low', 149],
    ['baseline', 'nist-800-53-rev5-moderate', 287],
    ['baseline', 'nist-800-53-rev5-high', 370],
    ['baseline', 'nist-800-53-rev5-privacy', 96],
  ])
})

/** A catalog with one group of these controls. */
function handbook(controls: object[], title = 'Handbook', group = 'k'): object {
  const metadata = { title, version: '1', 'oscal-version': '1.1.3' }
  return { catalog: { uuid: 'x', metadata, groups: [{ id: group, title: 'K', controls }] } }
}

test.each([
  ['a title of one character more than its column holds', 'T'.repeat(256), 'T'.repeat(254)],
  ['characters as PostgreSQL counts them', '😀'.repeat(256), '😀'.repeat(254)],
])('%s is cut, with a warning, and kept whole', (_, title, kept) => {
  const files = {
    'h.json': handbook([
      { id: 'k-1', title },
      { id: 'k-2', title: 'Control k-2' },
    ]),
  }
  const { item, warnings } = prepareFile('h.json', { reader: memoryReader(files) })
  expect((item as CatalogImport).controls).toMatchObject([
    { controlId: 'K-1', title: `${kept}…`, fullTexts: { full_title: title } },
    { controlId: 'K-2', title: 'Control k-2' },
  ])
  expect((item as CatalogImport).controls[1]).not.toHaveProperty('fullTexts')
  expect(warnings).toEqual([
    'h.json: 1 control (the first is K-1): the title is longer than controls.title (255 characters) and was cut; the attribute full_title has all of it',
  ])
})

test('what fits to the last character is not cut', () => {
  const files = { 'h.json': handbook([{ id: 'k-1', title: '😀'.repeat(255) }]) }
  const { item, warnings } = prepareFile('h.json', { reader: memoryReader(files) })
  expect((item as CatalogImport).controls[0]?.title).toBe('😀'.repeat(255))
  expect(warnings).toEqual([])
})

test('one line says it for all controls of a kind', () => {
  const controls = Array.from({ length: 191 }, (_, index) => ({ id: `k${index}`, title: 'x'.repeat(665) }))
  const files = { 'h.json': handbook([...controls, { id: 'k500', title: '' }, { id: 'k501', title: ' ' }]) }
  const { item, warnings } = prepareFile('h.json', { reader: memoryReader(files) })
  expect(warnings.map((line) => /^h\.json: (\d+ controls \(.*?\))/.exec(line)?.[1])).toEqual([
    '191 controls (the first is K0)',
    '2 controls (the first is K500)',
  ])
  expect((item as CatalogImport).controls.slice(-2).map(({ title }) => title)).toEqual(['K500', 'K501'])
})

test('a family that no spelling of fits is cut', () => {
  const files = { 'h.json': handbook([{ id: 'averylongid.1', title: 'A' }], 'Handbook', 'a-very-long-group') }
  const { item, warnings } = prepareFile('h.json', { reader: memoryReader(files) })
  expect((item as CatalogImport).controls[0]).toMatchObject({
    family: 'A-VERY-LO…',
    fullTexts: { full_family: 'A-VERY-LONG-GROUP' },
  })
  expect(warnings).toEqual([
    expect.stringContaining('the family is longer than controls.family (10 characters)'),
  ])
})

test('title and version of a document are cut, or done without', () => {
  const reader = (document: object) => memoryReader({ 'h.json': document, 'letters.json': LETTERS })
  const title = 'Handbook '.repeat(40)
  const long = prepareFile('h.json', { reader: reader(handbook([{ id: 'k-1', title: 'A' }], title)) })
  expect(long.item).toMatchObject({ name: 'h', fullTexts: { full_title: title } })
  expect(long.item.title).toMatch(/^Handbook .*…$/)
  expect(long.warnings).toEqual([
    'h.json: its title is longer than catalogs.title (255 characters) and was cut',
  ])
  const selection = altered(
    profile([{ href: 'letters.json', 'include-all': {} }]),
    'A profile',
    title,
  ) as object
  const versioned = altered(selection, '"version":"1"', `"version":"${'1'.repeat(51)}"`) as object
  const cut = prepareFile('h.json', { reader: reader(versioned) })
  expect(cut.item.version).toBe(`${'1'.repeat(49)}…`)
  expect(cut.warnings).toEqual([
    'h.json: its title is longer than baselines.title (255 characters) and was cut',
    'h.json: its version is longer than baselines.version (50 characters) and was cut',
  ])
  const nothing = altered(
    handbook([{ id: 'k-1', title: 'A' }], ''),
    '"version":"1"',
    '"version":""',
  ) as object
  const bare = prepareFile('h.json', { reader: reader(nothing) })
  expect(bare.item).toMatchObject({ title: 'h', version: null })
  expect(bare.warnings).toEqual(['h.json: it has no title and got its name, "h"'])
})
