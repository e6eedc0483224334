import { describe, expect, test } from 'vitest'
import { fileMap } from '../../../job-image/oscal/file-map.ts'
import { resolveReference } from '../../../job-image/oscal/reference.ts'
import { memoryReader } from './fixtures/documents.ts'

const UUID = '449ce77c-24d3-4740-b0bd-1b37239437ff'

type Link = { readonly href: string; readonly 'media-type'?: string }

type Given = {
  readonly existing?: readonly string[]
  readonly map?: readonly string[]
  /** The links of the resource with UUID; without them there is no such resource. */
  readonly rlinks?: readonly Link[]
}

/** The file that an import of `dir/profile.json` refers to. */
function fileOf(href: string, { existing = [], map = [], rlinks }: Given = {}): string {
  const resources = rlinks === undefined ? [] : [{ uuid: UUID, title: 'Letters', rlinks: [...rlinks] }]
  const reference = { file: 'dir/profile.json', place: 'imports[0]', href, resources }
  const reader = memoryReader(Object.fromEntries(existing.map((file) => [file, {}])))
  return resolveReference(reference, fileMap(map), reader)
}

describe('an href', () => {
  test.each([
    ['a.json', 'dir/a.json'],
    ['../a.json', 'a.json'],
    ['my%20a.json', 'dir/my a.json'],
    ['100%.json', 'dir/100%.json'],
    ['/data/a.json', '/data/a.json'],
    ['file:///data/my%20a.json', '/data/my a.json'],
  ])('%s is the file %s', (href, file) => {
    expect(fileOf(href, { existing: [file] })).toBe(file)
  })

  test('is the name of a file before it is a URI', () => {
    expect(fileOf('a%20b.json', { existing: ['dir/a%20b.json', 'dir/a b.json'] })).toBe('dir/a%20b.json')
  })

  test('has the file of --map, even if its own exists', () => {
    expect(fileOf('a.json', { existing: ['dir/a.json'], map: ['a.json=mine.json'] })).toBe('mine.json')
  })

  test('of a file that does not exist is refused, with the option that gives one', () => {
    expect(() => fileOf('a.json')).toThrow(
      'dir/profile.json: imports[0]: href "a.json": there is no file dir/a.json; give the file with --map a.json=FILE, or use the built-in catalog: --map a.json=builtin:nist-800-53-rev5',
    )
  })

  test.each(['https://example.org/a.json', 'urn:x:y', 'FILE://host/a.json'])(
    'that is not of this machine is refused: %s',
    (href) => {
      expect(() => fileOf(href)).toThrow('only local files are read, nothing is fetched')
    },
  )
})

describe('the resource of a #uuid', () => {
  const JSON_LINK = { href: 'a.json' }
  const YAML_LINK = { href: 'a.yaml' }
  const PLAIN_LINK = { href: 'a' }
  const XML_LINK = { href: 'a.xml' }
  const existing = ['dir/a', 'dir/a.xml', 'dir/a.yaml', 'dir/a.json']

  test.each<[readonly Link[], string]>([
    [[XML_LINK, PLAIN_LINK, YAML_LINK, JSON_LINK], 'dir/a.json'],
    [[XML_LINK, PLAIN_LINK, YAML_LINK], 'dir/a.yaml'],
    [[XML_LINK, PLAIN_LINK], 'dir/a'],
    [[YAML_LINK, { href: 'a', 'media-type': 'application/oscal.catalog+json' }], 'dir/a'],
    [[PLAIN_LINK, { href: 'a.yml' }, YAML_LINK], 'dir/a.yaml'],
  ])('with the links %j is %s', (rlinks, file) => {
    expect(fileOf(`#${UUID}`, { existing, rlinks })).toBe(file)
  })

  test('has the file of --map for its uuid, or for one of its links', () => {
    expect(fileOf(`#${UUID}`, { existing, rlinks: [JSON_LINK], map: [`${UUID}=mine.json`] })).toBe(
      'mine.json',
    )
    expect(fileOf(`#${UUID}`, { existing, rlinks: [JSON_LINK, XML_LINK], map: ['a.xml=mine.json'] })).toBe(
      'mine.json',
    )
  })

  test('is found in either case', () => {
    expect(fileOf(`#${UUID.toUpperCase()}`, { existing, rlinks: [JSON_LINK] })).toBe('dir/a.json')
  })

  test.each<[readonly Link[] | undefined, string]>([
    [undefined, 'no resource of the back-matter has this uuid'],
    [[XML_LINK], 'cannot open this resource ("Letters"): it names no local file in JSON or YAML'],
    [[{ href: 'https://x.org/a.json' }], 'it names no local file in JSON or YAML'],
    [[{ href: 'b.json' }, { href: 'c.yaml' }], 'not found: dir/b.json, dir/c.yaml'],
  ])('with the links %j is refused: %s', (rlinks, message) => {
    const open = (): string => fileOf(`#${UUID}`, { existing, ...(rlinks === undefined ? {} : { rlinks }) })
    expect(open).toThrow(message)
    expect(open).toThrow(`give the file with --map ${UUID}=FILE`)
  })
})
