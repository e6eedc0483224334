import { expect, test } from 'vitest'
import { LETTERS, catalog, idsOf, profile, resolveIn } from './fixtures/documents.ts'

const all = (href: string) => ({ href, 'include-all': {} })
const UUID = '449ce77c-24d3-4740-b0bd-1b37239437ff'

function withResource(rlinks: object[], href = `#${UUID}`) {
  return profile([all(href)], {
    'back-matter': { resources: [{ uuid: UUID, title: 'The letters', rlinks }] },
  })
}

test('a nested profile is resolved first: its importer can select only what it selected', () => {
  const inner = profile([{ href: 'letters.json', 'include-controls': [{ 'with-ids': ['a1', 'b1'] }] }])
  const files = { 'letters.json': LETTERS, 'inner.json': inner }
  expect(idsOf(resolveIn({ ...files, 'profile.json': profile([all('inner.json')]) }))).toEqual(['a1', 'b1'])
  const unknown = profile([{ href: 'inner.json', 'include-controls': [{ 'with-ids': ['a2'] }] }])
  expect(() => resolveIn({ ...files, 'profile.json': unknown })).toThrow(
    'profile.json: imports[0].include-controls[0].with-ids: control "a2" is not in inner.json',
  )
})

test('a circle is an error that shows the way round, also for a profile that imports itself', () => {
  expect(() => resolveIn({ 'profile.json': profile([all('profile.json')]) })).toThrow(
    'profile.json: imports[0]: href "profile.json": circular import: profile.json -> profile.json',
  )
  const files = {
    'profile.json': profile([all('sub/b.json')]),
    'sub/b.json': profile([all('c.json')]),
    'sub/c.json': profile([all('./b.json')]),
  }
  expect(() => resolveIn(files)).toThrow(
    'sub/c.json: imports[0]: href "./b.json": circular import: sub/b.json -> sub/c.json -> sub/b.json',
  )
})

test('two profiles may import one third: that is no circle', () => {
  const files = {
    'letters.json': LETTERS,
    'base.json': profile([all('letters.json')]),
    'left.json': profile([{ href: 'base.json', 'include-controls': [{ 'with-ids': ['a1'] }] }]),
    'right.json': profile([{ href: 'base.json', 'include-controls': [{ 'with-ids': ['b1'] }] }]),
    'profile.json': profile([all('left.json'), all('right.json')]),
  }
  const { controls, catalogs } = resolveIn(files)
  expect(controls.map(({ id }) => id)).toEqual(['a1', 'b1'])
  expect(catalogs).toHaveLength(1)
})

test('an href is relative to the profile that holds it, absolute, a file URL, or percent-encoded', () => {
  const files = {
    'profiles/inner.json': profile([all('../catalogs/my%20letters.json')]),
    'catalogs/my letters.json': LETTERS,
    '/data/letters.json': LETTERS,
  }
  for (const href of [
    'profiles/inner.json',
    './profiles/inner.json',
    '/data/letters.json',
    'file:///data/letters.json',
  ]) {
    expect(idsOf(resolveIn({ ...files, 'profile.json': profile([all(href)]) }))).toHaveLength(11)
  }
})

test('a missing file is named, with the option that gives another one', () => {
  expect(() => resolveIn({ 'a/profile.json': profile([all('gone.json')]) }, 'a/profile.json')).toThrow(
    'a/profile.json: imports[0]: href "gone.json": there is no file a/gone.json; give the file with --map gone.json=FILE',
  )
})

test.each([
  'https://example.org/catalog.json',
  'HTTP://example.org/c.json',
  'git+ssh://example.org/c.json',
  'file://host/c.json',
])('%s is never fetched', (href) => {
  expect(() => resolveIn({ 'profile.json': profile([all(href)]) })).toThrow(
    `profile.json: imports[0]: href "${href}": only local files are read, nothing is fetched; give the file with --map ${href}=FILE`,
  )
  const mapped = { 'profile.json': profile([all(href)]), 'letters.json': LETTERS }
  expect(idsOf(resolveIn(mapped, 'profile.json', `${href}=letters.json`))).toHaveLength(11)
})

test('a #uuid goes through the back-matter: JSON before YAML, XML never, the first that exists', () => {
  const rlinks = [
    { href: 'letters.xml', 'media-type': 'application/oscal.catalog+xml' },
    { href: 'letters.yaml', 'media-type': 'application/oscal.catalog+yaml' },
    { href: 'gone.json', 'media-type': 'application/oscal.catalog+json' },
    { href: 'letters.json' },
  ]
  const files = {
    'profile.json': withResource(rlinks, `#${UUID.toUpperCase()}`),
    'letters.xml': '<catalog/>',
    'letters.yaml': JSON.stringify(catalog({ y: ['y1'] })),
    'letters.json': LETTERS,
  }
  expect(idsOf(resolveIn(files))).toHaveLength(11)
  const { 'letters.json': _, ...withoutJson } = files
  expect(idsOf(resolveIn(withoutJson))).toEqual(['y1'])
})

test('a #uuid without a local file says what was tried and how to give it', () => {
  const remedy = `give the file with --map ${UUID}=FILE, or use the built-in catalog: --map ${UUID}=builtin:nist-800-53-rev5`
  const place = `profile.json: imports[0]: href "#${UUID}"`
  const failing = (document: object) => () => resolveIn({ 'profile.json': document })
  expect(failing(withResource([{ href: '../gone.json' }, { href: 'x.xml' }]))).toThrow(
    `${place}: cannot open this resource ("The letters"): not found: ../gone.json; ${remedy}`,
  )
  expect(failing(withResource([{ href: 'https://example.org/x.json' }]))).toThrow(
    `${place}: cannot open this resource ("The letters"): it names no local file in JSON or YAML; ${remedy}`,
  )
  expect(failing(profile([all(`#${UUID}`)]))).toThrow(
    `${place}: no resource of the back-matter has this uuid; ${remedy}`,
  )
})

test.each([UUID, `#${UUID}`, UUID.toUpperCase(), '../gone.json'])('--map %s=FILE comes first', (key) => {
  const files = { 'profile.json': withResource([{ href: '../gone.json' }]), 'mine.json': LETTERS }
  expect(idsOf(resolveIn(files, 'profile.json', `${key}=mine.json`))).toHaveLength(11)
})

test('--map takes an href that holds "=", which is how the error proposes it', () => {
  const href = 'https://git.example.org/raw/cat.json?ref=main&path=a=b'
  const files = { 'profile.json': profile([all(href)]), 'mine=1.json': LETTERS }
  const other = 'https://git.example.org/raw/cat.json?ref=dev=none.json'
  expect(idsOf(resolveIn(files, 'profile.json', other, `${href}=mine=1.json`))).toHaveLength(11)
  expect(() => resolveIn(files, 'profile.json', `${href}=a`, `${href}=b`)).toThrow(/is given twice: a and b/)
})

test('the built-in catalog can stand for the file of a profile', () => {
  const selection = { 'include-controls': [{ 'with-ids': ['ac-2'], 'with-child-controls': 'yes' }] }
  const files = {
    'profile.json': profile([{ href: `#${UUID}`, ...selection }], { merge: { 'as-is': true } }),
  }
  const { controls } = resolveIn(files, 'profile.json', `${UUID}=builtin:NIST_SP-800-53_rev5`)
  expect(controls).toHaveLength(14)
  expect(controls.at(-1)).toMatchObject({
    canonical: 'ac-2.13',
    parent: 'ac-2',
    title: 'Disable Accounts for High-risk Individuals',
  })
  expect(() => resolveIn(files, 'profile.json', `${UUID}=builtin:iso`)).toThrow('there is no "builtin:iso"')
})

test('a fault in an imported file names that file', () => {
  const files = { 'profile.json': profile([all('bad.json')]), 'bad.json': '{"catalog": ' }
  expect(() => resolveIn(files)).toThrow('bad.json:1:13: the JSON ends in the middle')
  const other = { 'profile.json': profile([all('ssp.json')]), 'ssp.json': { 'system-security-plan': {} } }
  expect(() => resolveIn(other)).toThrow('ssp.json: not an OSCAL catalog or profile')
})
