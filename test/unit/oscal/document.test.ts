import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { catalogFrom } from '../../../job-image/oscal/catalog.ts'
import { parseOscal } from '../../../job-image/oscal/document.ts'
import { controlsOf } from '../../../job-image/oscal/control-tree.ts'
import type { Control } from '../../../job-image/oscal/control-tree.ts'
import { LETTERS, profile } from './fixtures/documents.ts'

function controlsIn(text: string, file: string): Control[] {
  const document = parseOscal(text, file)
  if (document.kind !== 'catalog') throw new Error(`${file} is a ${document.kind}`)
  return controlsOf(catalogFrom(document.body, file).tree).map(({ control }) => control)
}

const withVersion = (version: string): string =>
  JSON.stringify(LETTERS).replace('"oscal-version":"1.1.2"', `"oscal-version":"${version}"`)

test.each([
  ['JSON', 'letters.json', JSON.stringify(LETTERS)],
  ['JSON with a byte order mark', 'letters.json', `\uFEFF${JSON.stringify(LETTERS)}`],
  ['YAML', 'letters.yaml', stringify(LETTERS)],
  ['JSON in a file without an ending', 'letters', JSON.stringify(LETTERS)],
  ['YAML in a file without an ending', 'letters', stringify(LETTERS)],
])('reads %s', (_, file, text) => {
  const ids = controlsIn(text, file).map(({ id }) => id)
  expect(ids).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'c1', 'c2', 'c3', 'c3.a', 'c3.a-1'])
})

test.each(['1.0.0', '1.0.4', '1.1.2', '1.2.3', '1.3.0-rc1', '1.99.0'])('accepts OSCAL %s', (version) => {
  expect(controlsIn(withVersion(version), 'a.json')).toHaveLength(11)
})

test.each(['2.0.0', '0.9.1', '10.1.0', 'latest', ''])('refuses OSCAL "%s"', (version) => {
  expect(() => parseOscal(withVersion(version), 'a.json')).toThrow(
    `a.json: metadata.oscal-version is "${version}": only OSCAL 1.x is understood`,
  )
})

test('says where a truncated JSON file ends', () => {
  const text = JSON.stringify(LETTERS, null, 2)
  const cut = text.slice(0, text.indexOf('Control b2') + 3)
  const lines = cut.split('\n')
  const place = `letters.json:${lines.length}:${(lines.at(-1) ?? '').length + 1}`
  expect(() => parseOscal(cut, 'letters.json')).toThrow(
    `${place}: the JSON ends in the middle: is the file complete? (Unterminated string)`,
  )
  const after = text.slice(0, text.indexOf('"Control b2"'))
  expect(() => parseOscal(after, 'letters.json')).toThrow('the JSON ends in the middle')
})

test('says where JSON is malformed', () => {
  expect(() => parseOscal('{\n  "catalog": {,}\n}', 'a.json')).toThrow('a.json:2:15: not valid JSON')
})

test('says where YAML is malformed, and where it is cut', () => {
  expect(() => parseOscal('catalog:\n  metadata: {title: "x\n', 'a.yaml')).toThrow(/^a\.yaml:\d+:\d+: /)
})

test.each([
  ['', 'the file is empty'],
  [' \n', 'the file is empty'],
  ['<catalog/>', 'OSCAL in XML is not read; use the JSON or YAML form of this document'],
  ['[]', 'not an OSCAL catalog or profile: its top level has neither "catalog" nor "profile"'],
  ['{"controls": []}', 'not an OSCAL catalog or profile: its top level has neither "catalog" nor "profile"'],
  [
    '{"system-security-plan": {}}',
    'not an OSCAL catalog or profile: its top level is "system-security-plan"',
  ],
  [
    '{"catalog": {}, "profile": {}}',
    'not an OSCAL catalog or profile: its top level is "catalog" and "profile"',
  ],
])('refuses %j', (text, message) => {
  expect(() => parseOscal(text, 'a')).toThrow(`a: ${message}`)
})

test('names the member and the control that is wrong', () => {
  const text = JSON.stringify(LETTERS).replace('"id":"b2","title":"Control b2"', '"id":"b2","title":7')
  expect(() => parseOscal(text, 'a.json')).toThrow(
    'a.json: catalog.groups[1].controls[1].title (of "b2"): expected a text, found a number',
  )
})

test('names the line of a wrong member of a YAML file', () => {
  const lines = stringify(LETTERS).split('\n')
  const line = lines.findIndex((each) => each.includes('title: Control b2'))
  lines[line] = (lines[line] ?? '').replace('Control b2', '7')
  expect(() => parseOscal(lines.join('\n'), 'a.yaml')).toThrow(`a.yaml:${line + 1}:`)
})

test('refuses a profile without imports', () => {
  expect(() => parseOscal(JSON.stringify(profile([])), 'a.json')).toThrow(
    'a.json: profile.imports: must not be empty',
  )
})

test('refuses a document that is nested too deeply', () => {
  const depth = 20_000
  const metadata = '"metadata":{"title":"t","version":"1","oscal-version":"1.0.0"}'
  const open = '[{"id":"x","title":"t","controls":'.repeat(depth)
  const text = `{"catalog":{${metadata},"controls":${open}[]${'}]'.repeat(depth)}}}`
  expect(() => parseOscal(text, 'a.json')).toThrow('a.json: nested too deeply')
})
