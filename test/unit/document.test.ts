import { mkdtempSync, openSync, closeSync, rmSync, ftruncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseDocument, readTextFile } from '../../job-image/document.ts'

const parse = (text: string): unknown => parseDocument(text, 'file.yaml', z.unknown()).value

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('a YAML file', () => {
  it.each([
    ['{a: 1, a: 2}', '1:8'],
    ['x:\n  - {b: 1}\n  - {b: 1, c: 2, b: 3}', '3:18'],
  ])('must not have a key twice in one map: %s', (text, place) => {
    expect(() => parse(text)).toThrow(`file.yaml:${place}: this key stands twice in one map`)
  })

  it('may have very many keys', () => {
    const text = numbers(100_000).map((n) => `k${n}: ${n}`)
    expect(Object.keys(parse(text.join('\n')) as object)).toHaveLength(100_000)
  })

  it.each([
    ['lists', '['.repeat(5_000) + ']'.repeat(5_000)],
    ['maps', '{a: '.repeat(5_000) + '1' + '}'.repeat(5_000)],
    ['open lists', '['.repeat(5_000)],
    [
      'indented lists',
      numbers(3_000)
        .map((n) => `${' '.repeat(n)}-`)
        .join('\n'),
    ],
  ])('must not be nested without end: %s', (_, text) => {
    expect(() => parse(text)).toThrow(/nested too deeply/)
  })

  it('shows the first of very many problems', () => {
    const text = numbers(5_000).map((n) => `k${n}: ${n}`)
    const schema = z.strictObject({})
    const message = (): unknown => parseDocument(text.join('\n'), 'file.yaml', schema)
    expect(message).toThrow(/file\.yaml:100:1: k99: unknown key[^\n]*\n[^\n]*more problems follow/)
  })
})

describe('a file', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rapidrmf-document-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each([
    ['/dev/zero', 'it is not a file'],
    ['/dev', 'it is a directory'],
    ['/no/such/file', 'no such file'],
  ])('is refused by name: %s', (file, why) => {
    expect(() => readTextFile(file, 'catalog')).toThrow(`${file}: cannot read this catalog: ${why}`)
  })

  it('is refused when it is larger than any that is meant', () => {
    const file = join(folder, 'large.json')
    const descriptor = openSync(file, 'w')
    ftruncateSync(descriptor, 65 * 1024 * 1024)
    closeSync(descriptor)
    expect(() => readTextFile(file, 'catalog')).toThrow('it has more than 64 MiB')
  })
})
