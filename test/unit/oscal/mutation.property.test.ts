import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { InputError } from '../../../job-image/errors.ts'
import { prepareFile } from '../../../job-image/oscal/import-file.ts'
import { LETTERS, memoryReader, profile } from './fixtures/documents.ts'

const PROFILE = profile(
  [
    { href: 'letters.json', 'include-all': {}, 'exclude-controls': [{ matching: [{ pattern: 'a?' }] }] },
    { href: '#449ce77c-24d3-4740-b0bd-1b37239437ff', 'include-controls': [{ 'with-ids': ['a1', 'c3'] }] },
  ],
  {
    merge: { combine: { method: 'use-first' }, custom: { 'insert-controls': [{ 'include-all': {} }] } },
    'back-matter': {
      resources: [{ uuid: '449ce77c-24d3-4740-b0bd-1b37239437ff', rlinks: [{ href: 'letters.json' }] }],
    },
  },
)

/** All paths to members of a document. */
function pathsOf(value: unknown, at: readonly PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [[...at]]
  return [[...at], ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...at, key]))]
}

function replaced(document: unknown, path: readonly PropertyKey[], value: unknown): unknown {
  const [head, ...rest] = path
  if (head === undefined) return value
  const copy: Record<PropertyKey, unknown> = (
    Array.isArray(document) ? [...(document as unknown[])] : { ...(document as object) }
  ) as Record<PropertyKey, unknown>
  copy[head] = replaced(copy[head], rest, value)
  return copy
}

/** Faults of the input are InputErrors that name a file; anything else is a fault of ours. */
function prepareOrRefuse(files: Record<string, unknown>, file: string): void {
  try {
    prepareFile(file, { reader: memoryReader(files) })
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(InputError)
    expect((thrown as InputError).problems.map((problem) => typeof problem.file)).not.toContain('undefined')
  }
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    '#',
    '#x',
    '.',
    '/',
    '..',
    'profile.json',
    'builtin:x',
    '__proto__',
    '*'.repeat(60),
    'x'.repeat(600),
  ),
)

test.each([
  ['catalog', LETTERS],
  ['profile', PROFILE],
])('whatever stands in one place of a %s, it is read or refused', (_, document) => {
  const path = fc.constantFrom(...pathsOf(document))
  fc.assert(
    fc.property(path, odd, (at, value) => {
      const changed = replaced(document, at, value)
      prepareOrRefuse({ 'letters.json': LETTERS, 'profile.json': changed }, 'profile.json')
      prepareOrRefuse({ 'letters.json': changed, 'profile.json': PROFILE }, 'profile.json')
    }),
    { numRuns: 1000 },
  )
})

test('wherever a file is cut, it is refused', () => {
  const texts = { 'a.json': JSON.stringify(LETTERS, null, 1), 'a.yaml': stringify(PROFILE) }
  for (let length = 0; length < texts['a.json'].length - 1; length += 7) {
    const reader = memoryReader({ 'a.json': texts['a.json'].slice(0, length) })
    expect(() => prepareFile('a.json', { reader })).toThrow(InputError)
  }
  // YAML may be whole when it is cut between two members.
  for (let length = 0; length < texts['a.yaml'].length; length += 7) {
    prepareOrRefuse({ 'letters.json': LETTERS, 'a.yaml': texts['a.yaml'].slice(0, length) }, 'a.yaml')
  }
})
