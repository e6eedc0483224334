import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Whether an editor with this schema accepts the text. */
function accepts(name: string, text: string): boolean {
  const schema = JSON.parse(read(`schemas/${name}.schema.json`)) as z.core.JSONSchema.JSONSchema
  return z.fromJSONSchema(schema).safeParse(parse(text)).success
}

/** The first YAML block of a page. */
function example(page: string): string {
  return /^```yaml\n(.*?)^```/ms.exec(read(page))?.[1] ?? ''
}

const SCHEMA_LINE = /^# yaml-language-server: \$schema=\.\.\/schemas\/([a-z-]+)\.schema\.json\n/

describe('the JSON Schemas of files that people write', () => {
  const examples = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.yaml'))
  const named = examples.flatMap((file) => {
    const [, name] = SCHEMA_LINE.exec(read(`examples/${file}`)) ?? []
    return name === undefined ? [] : [{ file: `examples/${file}`, name }]
  })

  test('are named by the examples', () => {
    expect(named.map(({ file, name }) => [file, name])).toEqual([
      ['examples/config.yaml', 'configuration'],
      ['examples/inventory.yaml', 'inventory'],
      ['examples/quickstart.yaml', 'configuration'],
      ['examples/rule-pack.yaml', 'rule-pack'],
    ])
  })

  test.each(named)('accept $file', ({ file, name }) => {
    expect(accepts(name, read(file))).toBe(true)
  })

  test.each([
    ['docs/configuration.md', 'configuration'],
    ['docs/inventory.md', 'inventory'],
    ['docs/rules.md', 'rule-pack'],
  ])('accept the example of %s', (page, name) => {
    expect(accepts(name, example(page))).toBe(true)
  })

  test.each([
    ['an environment without settings', 'environments: { production: }'],
    ['a scheduler without settings', 'environments: {}\nscheduler:'],
    ['a catalog that is a path', 'environments: {}\ncatalogs: { acme: acme.json }'],
  ])('accept %s', (_, text) => {
    expect(accepts('configuration', text)).toBe(true)
  })

  test.each([
    ['a misspelt key', 'configuration', 'environment: {}'],
    ['a number for a path', 'configuration', 'environments: {}\nrule_packs: [1]'],
    ['a list of catalogs', 'configuration', 'environments: {}\ncatalogs: { acme: [acme.json] }'],
    ['an inventory without systems', 'inventory', 'environment: production'],
    ['a system without a name', 'inventory', 'systems: [{ description: x }]'],
    ['a rule with a misspelt key', 'rule-pack', 'name: acme\ncontrols: { AC-2: { require_all: [x] } }'],
    ['a rule pack without a name', 'rule-pack', 'controls: {}'],
  ])('refuse %s', (_, name, text) => {
    expect(accepts(name, text)).toBe(false)
  })
})
