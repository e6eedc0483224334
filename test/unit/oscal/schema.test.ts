import { expect, test } from 'vitest'
import { catalogDocument, profileDocument } from '../../../job-image/oscal/schema.ts'
import { LETTERS, profile } from './fixtures/documents.ts'

/** The place of the first problem of a document; undefined if it has none. */
const problemOf = (schema: typeof catalogDocument | typeof profileDocument, document: unknown) =>
  schema.safeParse(document).error?.issues[0]?.path.join('.')

const importing = (selection: object) => profile([{ href: 'a.json', ...selection }])
const merging = (merge: object) => profile([{ href: 'a.json' }], { merge })

test('members that are not read may be anything', () => {
  expect(problemOf(catalogDocument, LETTERS)).toBeUndefined()
  expect(problemOf(catalogDocument, { ...LETTERS, other: 7 })).toBeUndefined()
})

test.each<[object, string | undefined]>([
  [importing({ 'include-all': {} }), undefined],
  [importing({ 'include-all': { x: 1 } }), undefined],
  [importing({ 'include-all': null }), 'profile.imports.0.include-all'],
  [importing({ href: '' }), 'profile.imports.0.href'],
  [
    importing({ 'include-controls': [{ 'with-ids': [''] }] }),
    'profile.imports.0.include-controls.0.with-ids.0',
  ],
  [
    importing({ 'exclude-controls': [{ 'with-child-controls': 'true' }] }),
    'profile.imports.0.exclude-controls.0.with-child-controls',
  ],
  [importing({ 'include-controls': [{ matching: [{}] }] }), undefined],
  [profile([]), 'profile.imports'],
  [merging({ flat: {} }), undefined],
  [merging({ 'as-is': 'yes' }), 'profile.merge.as-is'],
  [merging({ combine: { method: 'other' } }), 'profile.merge.combine.method'],
  [
    merging({ custom: { groups: [{ title: 'g', groups: [{ title: 7 }] }] } }),
    'profile.merge.custom.groups.0.groups.0.title',
  ],
  [
    merging({ custom: { 'insert-controls': [{ order: 'up' }] } }),
    'profile.merge.custom.insert-controls.0.order',
  ],
])('of the profile %j, this is refused: %s', (document, place) => {
  expect(problemOf(profileDocument, document)).toBe(place)
})

test.each<[object, string]>([
  [{ catalog: { metadata: { title: 't', version: '1' } } }, 'catalog.metadata.oscal-version'],
  [catalogOf({ controls: [{ id: '', title: 't' }] }), 'catalog.controls.0.id'],
  [
    catalogOf({ controls: [{ id: 'a', title: 't', controls: [{ id: 'b' }] }] }),
    'catalog.controls.0.controls.0.title',
  ],
  [catalogOf({ groups: [{ title: 'g', groups: [{ id: 1, title: 'h' }] }] }), 'catalog.groups.0.groups.0.id'],
])('of the catalog %j, this is refused: %s', (document, place) => {
  expect(problemOf(catalogDocument, document)).toBe(place)
})

function catalogOf(body: object): object {
  return { catalog: { metadata: { title: 't', version: '1', 'oscal-version': '1.1.2' }, ...body } }
}
