import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OSCAL_DATA, oscalFile } from './data.ts'
import { drawn, resolveIn } from './fixtures/documents.ts'

// NIST's own test profiles and expected results for profile resolution, as outlines (usnistgov/OSCAL,
// src/specifications/profile-resolution).

type Node = { control?: string; group?: string | null; title?: string; children: Node[] }
type Entry = { kind: string; input?: boolean; profile?: object; outline: Node[] }

const METADATA = { title: 'An outline', version: '1', 'oscal-version': '1.0.0' }

/** Expected results that are errors. */
const ERRORS: Record<string, RegExp> = {
  'profile-resolution-examples/broken_profile': /there is no file .*missing_profile/,
  'profile-resolution-examples/circular_profile': /circular import/,
  'profile-resolution-examples/home_profile': /circular import/,
  'requirement-tests/req-circular_import': /circular import/,
}

/** Expected results that the specification's text contradicts, or that test what it no longer has. */
const OUTDATED = new Set([
  'profile-resolution-examples/without-parent_profile', // an unselected parent appears
  'requirement-tests/req-merge-usefirst1', // half of what include-all takes is not there
  'requirement-tests/req-with-parent-controls-no1', // with-parent-controls is no longer in the schema
  'requirement-tests/req-with-parent-controls-none',
  'requirement-tests/req-with-parent-controls-yes1',
  'requirement-tests/req-with-parent-controls-yes2',
])

function members(nodes: readonly Node[]): { groups: object[]; controls: object[] } {
  const of = (node: Node): object => ({
    ...(node.control === undefined ? {} : { id: node.control }),
    ...(typeof node.group === 'string' ? { id: node.group } : {}),
    title: node.title ?? 'no title',
    ...members(node.children),
  })
  return {
    groups: nodes.filter(({ control }) => control === undefined).map(of),
    controls: nodes.filter(({ control }) => control !== undefined).map(of),
  }
}

function drawnExpected(nodes: readonly Node[]): string {
  return nodes
    .map(({ control, children }) => {
      const inner = drawnExpected(children)
      if (control === undefined) return `[${inner}]`
      return inner === '' ? control : `${control}(${inner})`
    })
    .join(' ')
}

/** Some expected results are flat but nested, against the text: there the order alone is compared. */
function flattened(drawing: string): string {
  return drawing.replaceAll(/[()]/g, ' ').replaceAll(/ +/g, ' ').trim()
}

function oracle(): { entries: Record<string, Entry>; files: Record<string, unknown> } {
  const text = readFileSync(oscalFile('profile-resolution-oracle-outline.json'), 'utf8')
  const { files: entries } = JSON.parse(text.replaceAll('.xml"', '.json"')) as {
    files: Record<string, Entry>
  }
  const documents: Record<string, object> = {}
  for (const [file, { kind, input, profile, outline }] of Object.entries(entries)) {
    if (kind === 'profile') documents[file] = { profile: { ...profile, modify: {}, metadata: METADATA } }
    else if (input === true) documents[file] = { catalog: { metadata: METADATA, ...members(outline) } }
  }
  return { entries, files: documents }
}

describe.skipIf(OSCAL_DATA === undefined)("NIST's profile resolution examples (RAPIDRMF_OSCAL_DATA)", () => {
  const { entries, files } = OSCAL_DATA === undefined ? { entries: {}, files: {} } : oracle()
  const names = Object.keys(entries)
    .filter((file) => file.includes('/output-expected/'))
    .map((file) => file.replace('/output-expected/', '/').replace('_RESOLVED.json', ''))

  test.each(names.filter((name) => !OUTDATED.has(name)))('%s', (name) => {
    const file = `${name}.json`
    const error = ERRORS[name]
    if (error !== undefined) {
      expect(() => resolveIn(files, file)).toThrow(error)
      return
    }
    const expected = drawnExpected(
      entries[file.replace('/', '/output-expected/').replace('.json', '_RESOLVED.json')]?.outline ?? [],
    )
    const { outline } = resolveIn(files, file)
    const asIs = JSON.stringify(files[file]).includes('"as-is":true')
    expect(drawn(outline)).toBe(asIs ? expected : flattened(expected))
  })

  test('all cases are known', () => {
    expect(names.length).toBeGreaterThan(40)
    expect(names).toEqual(expect.arrayContaining([...OUTDATED, ...Object.keys(ERRORS)]))
  })
})
