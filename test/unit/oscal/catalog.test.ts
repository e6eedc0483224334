import { expect, test } from 'vitest'
import { builtinCatalog, catalogFrom } from '../../../job-image/oscal/catalog.ts'
import type { Catalog } from '../../../job-image/oscal/catalog.ts'
import { controlsOf } from '../../../job-image/oscal/control-tree.ts'
import type { Control } from '../../../job-image/oscal/control-tree.ts'
import { parseOscal } from '../../../job-image/oscal/document.ts'
import { catalog } from './fixtures/documents.ts'

function controlsIn(text: string, file: string): Control[] {
  const document = parseOscal(text, file)
  if (document.kind !== 'catalog') throw new Error(`${file} is a ${document.kind}`)
  return controlsOf(catalogFrom(document.body, file).tree).map(({ control }) => control)
}

test('reads nesting, groups, withdrawn controls and every spelling of an id', () => {
  const prop = (value: string) => ({ props: [{ name: 'status', value }] })
  const body = {
    groups: [
      {
        id: 'ac',
        title: 'Access Control',
        groups: [
          {
            title: 'inner, without an id',
            controls: [
              { id: 'AC-02', title: 'x', controls: [{ id: 'AC-02(01)', title: 'x', ...prop('withdrawn') }] },
              { id: 'ac-3.7', title: 'x', ...prop('Withdrawn') },
            ],
          },
        ],
      },
    ],
    controls: [{ id: 'zz-1', title: 'x', ...prop('draft') }],
  }
  const metadata = { title: 'NIST SP 800-53', version: '1', 'oscal-version': '1.0.0' }
  const controls = controlsIn(JSON.stringify({ catalog: { metadata, ...body } }), 'a.json')
  expect(
    controls.map(({ canonical, parent, group, withdrawn }) => [canonical, parent, group, withdrawn]),
  ).toEqual([
    ['ac-2', undefined, 'ac', false],
    ['ac-2.1', 'ac-2', 'ac', true],
    ['ac-3.7', undefined, 'ac', true],
    ['zz-1', undefined, undefined, false],
  ])
})

test.each([
  [['a1', 'a2', 'a1'], 'a.json: control "a1" stands twice in this catalog'],
  [['AC-2', 'ac-02'], 'a.json: control "ac-02" (also spelled "AC-2") stands twice in this catalog'],
  [['AC 2 and more'], 'a.json: control "AC 2 and more": not a control id'],
  [['x'.repeat(51)], `a.json: control "${'x'.repeat(51)}": its id has more than 50 characters`],
])('refuses the ids %j', (ids, message) => {
  expect(() => controlsIn(JSON.stringify(catalog({ g: ids }, 'NIST SP 800-53')), 'a.json')).toThrow(message)
})

/** A catalog of NIST SP 800-53 with some controls. */
function nist(metadata: object, given?: string): Catalog {
  const document = parseOscal(JSON.stringify(withMetadata(metadata)), 'nist.json')
  if (document.kind !== 'catalog') throw new Error('not a catalog')
  return catalogFrom(document.body, 'nist.json', given)
}

function withMetadata(more: object): object {
  const { catalog: body } = catalog({ ac: ['ac-1', ['ac-2', 'ac-2.1']] }, NIST_TITLE) as { catalog: Body }
  return { catalog: { ...body, metadata: { ...body.metadata, ...more } } }
}

type Body = { readonly metadata: object }

const NIST_TITLE =
  'Electronic Version of NIST SP 800-53 Rev 5.1.1 Controls and SP 800-53A Rev 5.1.1 Assessment Procedures'

test('a catalog has the title and version of its document, and the framework of its title', () => {
  expect(nist({ version: '5.1.1' })).toMatchObject({
    file: 'nist.json',
    title: NIST_TITLE,
    version: '5.1.1',
    framework: 'nist-800-53-rev5',
    whole: true,
    resolved: false,
  })
})

test('a catalog of a given framework is not the complete one of NIST', () => {
  expect(nist({}, 'handbook')).toMatchObject({ framework: 'handbook', whole: false })
  expect(nist({}, 'nist-800-53-rev5').whole).toBe(true)
})

test.each([
  [{ props: [{ name: 'resolution-tool', value: 'x' }] }, true],
  [{ links: [{ rel: 'source-profile', href: 'x' }] }, true],
  [{ links: [{ rel: 'resolution-source', href: 'x' }] }, true],
  [{ links: [{ rel: 'alternate', href: 'x' }], props: [{ name: 'keywords', value: 'x' }] }, false],
])('with the metadata %j, it is the result of a profile: %s', (metadata, resolved) => {
  expect(nist(metadata)).toMatchObject({ resolved, whole: !resolved })
})

test('a control has the id of its document, its title and the outermost group', () => {
  const [, , enhancement] = controlsOf(nist({}).tree)
  expect(enhancement?.control).toEqual({
    id: 'ac-2.1',
    canonical: 'ac-2.1',
    framework: 'nist-800-53-rev5',
    title: 'Control ac-2.1',
    withdrawn: false,
    parent: 'ac-2',
    group: 'ac',
  })
})

test('the built-in catalog is NIST SP 800-53 rev5 with enhancements under their controls', () => {
  const { tree, ...head } = builtinCatalog()
  expect(head).toMatchObject({
    file: 'builtin:nist-800-53-rev5',
    framework: 'nist-800-53-rev5',
    whole: true,
    resolved: false,
  })
  expect(tree).toHaveLength(20)
  const controls = controlsOf(tree)
  expect(controls).toHaveLength(1_189)
  expect(tree.every((group) => group.kind === 'group' && group.title !== '')).toBe(true)
  const account = controls.find(({ control }) => control.canonical === 'ac-2')
  expect(account?.children).toHaveLength(13)
  expect(account?.children[0]?.control).toMatchObject({ canonical: 'ac-2.1', parent: 'ac-2', group: 'AC' })
})
