import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { configSchema, parseConfig } from '../../job-image/config/config.ts'
import { parseInventory } from '../../job-image/inventory/inventory.ts'
import { inventorySchema } from '../../job-image/inventory/schema.ts'
import { resultWriter } from '../../job-image/output/result-formats.ts'
import { parseRulePack } from '../../job-image/rules/rule-pack.ts'
import { collectOutput } from '../support/run-command.ts'

const ROOT = join(import.meta.dirname, '../..')
const DOCUMENTS = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'helm/rapidrmf/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** The code blocks of a document that are in this language. */
function blocks(path: string, language: string): string[] {
  return [...read(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text = '']) => text,
  )
}

/** The first column of every table of a document: names in backticks. */
function named(path: string): string[] {
  return [...read(path).matchAll(/^\| `([a-z_0-9]+)` /gm)].map(([, name = '']) => name)
}

/** The names of all properties in a JSON schema. */
function propertiesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties = {}, ...others } = schema as { properties?: object }
  return [
    ...Object.keys(properties),
    ...[...Object.values(properties), ...Object.values(others)].flatMap(propertiesOf),
  ]
}

test('README.md has at most 200 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200)
})

describe('docs/inventory.md', () => {
  const [text = ''] = blocks('docs/inventory.md', 'yaml')

  test('has an example that can be applied', async () => {
    const { systems } = await parseInventory(text, 'example.yaml')
    expect(systems.map(({ name, environment, evidence }) => [name, environment, evidence?.length])).toEqual([
      ['payments-api', 'production', 2],
      ['ledger', 'staging', undefined],
    ])
  })

  test('explains every key that is read, and no other', () => {
    const schema = z.toJSONSchema(inventorySchema, { io: 'input', unrepresentable: 'any' })
    expect(new Set(named('docs/inventory.md'))).toEqual(new Set(propertiesOf(schema)))
  })
})

describe('docs/configuration.md', () => {
  const [text = ''] = blocks('docs/configuration.md', 'yaml')

  test('has an example that can be used', () => {
    const config = parseConfig(text, 'config.yaml', {})
    expect([...config.environments.keys()]).toEqual(['production', 'staging'])
    expect([...config.catalogs.keys()]).toEqual(['acme', 'ism'])
    expect(config).toMatchObject({ incremental: true, scheduler: { retries: 3 } })
    expect(config.fullEvery).toEqual({ months: 0, seconds: 604_800 })
  })

  test('explains every key that is read, and no other', () => {
    const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
    // Sinks and selections have pages of their own.
    const others: unknown = JSON.parse(
      JSON.stringify(schema, (key, value: unknown) =>
        key === 'notifications' || key === 'selection' ? {} : value,
      ),
    )
    const documented = named('docs/configuration.md')
    expect(new Set(documented)).toEqual(new Set(propertiesOf(others)))
    for (const key of documented) expect(text).toMatch(new RegExp(`\\b${key}:`))
  })
})

describe('docs/rules.md', () => {
  const [text = ''] = blocks('docs/rules.md', 'yaml')

  test('has an example that can be used', () => {
    const pack = parseRulePack(text, 'acme.yaml')
    expect(pack).toMatchObject({ name: 'acme', frameworks: ['nist-800-53'] })
    expect([...pack.controls.keys(), ...pack.families.keys()]).toEqual(['AC-2', 'PE'])
    expect(pack.prerequisites).toHaveLength(2)
  })

  test.each(named('docs/rules.md'))('has a key of the table in the example: %s', (key) => {
    expect(text).toMatch(new RegExp(`\\b${key}:`))
  })
})

describe('docs/results.md', () => {
  const [json = '', ...others] = blocks('docs/results.md', 'json')

  test('shows the fields that are printed, in their order', async () => {
    const output = collectOutput()
    const writer = await resultWriter('json', output, { catalogs: true, wide: false })
    await writer.rows([
      {
        runId: 1,
        system: 's',
        control: 'AC-2',
        status: 'pass',
        message: '',
        evidenceKeys: [],
        remediation: null,
        validatedAt: '2026-11-01 00:00:00',
        environment: 'production',
        catalog: 'c',
        confirmedAt: '2026-11-01 00:00:00',
        attributes: {},
      },
    ])
    await writer.end()
    const fields = (text: string): string[] => Object.keys((JSON.parse(text) as object[])[0] ?? {})
    expect(fields(json)).toEqual(fields(output.text))
    expect(named('docs/results.md').slice(0, fields(json).length)).toEqual(fields(json))
    expect(others).toEqual([])
  })
})

/** As GitHub makes them: lower case, spaces become hyphens, punctuation goes. */
function anchors(path: string): Set<string> {
  const headings = [...read(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test.each(DOCUMENTS)('every link of %s leads somewhere', (path) => {
  const targets = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
  const broken = targets.filter((target) => {
    const [file = '', anchor] = target.split('#')
    const found = file === '' ? path : join(dirname(path), file)
    if (!existsSync(join(ROOT, found))) return true
    return anchor !== undefined && !anchors(found).has(anchor)
  })
  expect(broken).toEqual([])
})
