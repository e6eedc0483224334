import { expect, test } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { fileMap, mappedFile } from '../../../job-image/oscal/file-map.ts'

const UUID = '449ce77c-24d3-4740-b0bd-1b37239437ff'

test.each(['a', '=', 'a=', '=b', ' = ', ''])('the option "%s" is refused', (text) => {
  expect(() => fileMap(['x=y', text])).toThrow(new InputError(`--map ${text}: expected UUID_OR_HREF=FILE`))
})

test.each([
  ['a.json', ['a.json=b.json'], 'b.json'],
  ['a.json', [' a.json = b.json '], 'b.json'],
  ['a.json', ['c.json=d.json', 'a.json=b.json'], 'b.json'],
  ['a.json', ['A.json=b.json'], undefined],
  ['a.json', [], undefined],
  ['x?a=1', ['x?a=1=b=2.json'], 'b=2.json'],
  ['x', ['x=a=b'], 'a=b'],
  ['x=a', ['x=a=b'], 'b'],
  [UUID, [`#${UUID}=b.json`], 'b.json'],
  [`#${UUID}`, [`${UUID.toUpperCase()}=b.json`], 'b.json'],
  [`#${UUID}`, [`${UUID.slice(1)}=b.json`], undefined],
  ['#intro', ['intro=b.json'], undefined],
  ['a.json', ['a.json=builtin:nist-800-53-rev5'], 'builtin:nist-800-53-rev5'],
])('for %s, the options %j name the file %s', (href, options, file) => {
  expect(mappedFile(href, fileMap(options))).toBe(file)
})

test('two files for one href are refused', () => {
  const map = fileMap([`${UUID}=a.json`, `#${UUID}=b.json`])
  expect(() => mappedFile(UUID, map)).toThrow(`--map: "${UUID}" is given twice: a.json and b.json`)
  expect(mappedFile('other', map)).toBeUndefined()
})
