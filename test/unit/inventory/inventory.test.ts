import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseInventory, readInventory } from '../../../job-image/inventory/inventory.ts'
import type { Inventory } from '../../../job-image/inventory/inventory.ts'
import { formatTimestamp } from '../../../job-image/time.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()
const parse = (text: string): Promise<Inventory> => parseInventory(text, join(folder.path, 'inventory.yaml'))

/** What is said of a bad inventory, without the file's path. */
async function refusal(text: string): Promise<string[]> {
  try {
    await parse(text)
  } catch (error) {
    return (error as Error).message.replaceAll(join(folder.path, 'inventory.yaml'), '').split('\n')
  }
  throw new Error('the inventory was accepted')
}

const SHA = 'a'.repeat(64)
const row = (more: string): string =>
  `environment: e\nsystems:\n  - name: s\n    evidence:\n      - { type: t, key: k, ${more} }\n`

describe('a good inventory', () => {
  test('a system is in its own environment, else in that of the file, else in the one that the command gives', async () => {
    const file = join(folder.path, 'inventory.yaml')
    const environments = async (text: string): Promise<string[]> =>
      (await parseInventory(text, file, 'given')).systems.map(({ environment }) => environment)
    const systems = 'systems: [{name: a, environment: own}, {name: b}]\n'
    expect(await environments(systems)).toEqual(['own', 'given'])
    expect(await environments(`environment: top\n${systems}`)).toEqual(['own', 'top'])
  })

  test('files are hashed, from the folder of the inventory, and say their size and time', async () => {
    folder.write('evidence/audit.json', '{"a":1}\n')
    utimesSync(join(folder.path, 'evidence/audit.json'), 1_700_000_000.25, 1_700_000_000.25)
    const { systems } = await parse(row('file: ./evidence/audit.json, expires_at: 2027-01-01'))
    const [evidence] = systems[0]?.evidence ?? []
    expect(evidence).toMatchObject({
      sha256: createHash('sha256').update('{"a":1}\n').digest('hex'),
      filename: 'audit.json',
      size: 8,
    })
    expect(formatTimestamp(evidence?.collectedAt ?? 0)).toBe('2023-11-14T22:13:20.250000Z')
    expect(formatTimestamp(evidence?.expiresAt ?? 0)).toBe('2027-01-01T00:00:00Z')
  })

  test.each([
    ['2026-11-01', '2026-11-01T00:00:00Z'],
    ['2026-11-01T08:30', '2026-11-01T08:30:00Z'],
    ['2026-11-01 08:30:00.123456', '2026-11-01T08:30:00.123456Z'],
    ['2026-11-01T08:30:00+02:00', '2026-11-01T06:30:00Z'],
  ])('the time %s is %s', async (text, expected) => {
    const { systems } = await parse(row(`sha256: ${SHA}, collected_at: "${text}"`))
    expect(formatTimestamp(systems[0]?.evidence?.[0]?.collectedAt ?? 0)).toBe(expected)
  })

  test('what is left out stays undefined; a system may have its own environment', async () => {
    const { systems } = await parse(
      'environment: production\nsystems:\n  - name: a\n    environment: staging\n  - { name: b, evidence: [], attributes: {x: -0} }',
    )
    expect(systems).toMatchObject([
      { environment: 'staging', description: undefined, attributes: undefined, evidence: undefined },
      { environment: 'production', attributes: { x: 0 }, evidence: [] },
    ])
  })

  test('file and sha256 together are a check', async () => {
    folder.write('one.txt', 'one')
    const right = createHash('sha256').update('one').digest('hex')
    await expect(parse(row(`file: one.txt, sha256: ${right}`))).resolves.toBeDefined()
    expect(await refusal(row(`file: one.txt, sha256: ${SHA}`))).toEqual([
      `:5:43: systems.0.evidence.0.sha256: is not the sha256 of the file, which is ${right}`,
    ])
  })
})

describe('a bad inventory', () => {
  const system = (more: string): string => `environment: e\nsystems:\n  - { ${more} }\n`
  const cases: [what: string, text: string, ...said: string[]][] = [
    ['empty', '', ': expected a map with environment and systems'],
    ['no systems', 'environment: e', ':1:1: systems: expected a list of systems'],
    [
      'a misspelt key',
      system('nmae: s'),
      ':3:5: systems.0.name: is missing; expected a text',
      ':3:7: systems.0.nmae: unknown key; did you mean "name"?',
    ],
    [
      'no environment',
      'systems:\n  - name: s',
      ':2:5: systems.0.name: has no environment; write one here or at the top of the file, or give --env',
    ],
    [
      'the same system twice',
      'environment: e\nsystems:\n  - name: s\n  - name: s',
      ':4:5: systems.1.name: the system "s" is listed above; keep one of them',
    ],
    [
      'a name that is too long',
      system(`name: ${'n'.repeat(256)}`),
      ':3:7: systems.0.name: has 256 characters; at most 255 can be stored',
    ],
    [
      'an environment that is too long',
      system(`name: s, environment: ${'e'.repeat(51)}`),
      ':3:16: systems.0.environment: has 51 characters; at most 50 can be stored',
    ],
    ['an empty name', system('name: ""'), ':3:7: systems.0.name: must not be empty'],
    [
      'NUL',
      system('name: "a\\0b", description: "\\0"'),
      ':3:7: systems.0.name: must not contain a NUL character, which PostgreSQL cannot store',
      ':3:21: systems.0.description: must not contain a NUL character, which PostgreSQL cannot store',
    ],
    [
      'half a character',
      system('name: "\\ud83d"'),
      ':3:7: systems.0.name: must not contain half of a surrogate pair, which PostgreSQL cannot store',
    ],
    [
      'attributes that JSON cannot hold',
      system('name: s, attributes: { a: [.nan], b: { c: "\\0" }, "\\0": 1, d: 12345678901234567890 }'),
      ':3:34: systems.0.attributes.a.0: is no number that JSON can hold',
      ':3:46: systems.0.attributes.b.c: must not contain a NUL character, which PostgreSQL cannot store',
      ':3:16: systems.0.attributes: a key must not contain a NUL character, which PostgreSQL cannot store',
      ':3:66: systems.0.attributes.d: has more digits than a number keeps; put it in quotes',
    ],
    [
      'type and key that are too long',
      row(`sha256: ${SHA}, collected_at: 2026-01-01`)
        .replace('type: t', `type: ${'t'.repeat(101)}`)
        .replace('key: k', `key: ${'k'.repeat(501)}`),
      ':5:11: systems.0.evidence.0.type: has 101 characters; at most 100 can be stored',
      ':5:120: systems.0.evidence.0.key: has 501 characters; at most 500 can be stored',
    ],
    [
      'a filename that is too long',
      row(`sha256: ${SHA}, collected_at: 2026-01-01, filename: ${'f'.repeat(256)}`),
      ':5:128: systems.0.evidence.0.filename: has 256 characters; at most 255 can be stored',
    ],
    [
      'neither file nor sha256',
      row('collected_at: 2026-01-01'),
      ':5:9: systems.0.evidence.0: has neither file nor sha256; one of them identifies the evidence',
    ],
    [
      'sha256 without a time',
      row(`sha256: ${SHA}`),
      ':5:9: systems.0.evidence.0: has no collected_at; it can be left out only where file is given',
    ],
    [
      'a sha256 in capitals',
      row(`sha256: ${SHA.toUpperCase()}, collected_at: 2026-01-01`),
      ':5:28: systems.0.evidence.0.sha256: expected 64 lower-case hexadecimal digits',
    ],
    [
      'no times',
      row(`sha256: ${SHA}, collected_at: yesterday, expires_at: 2026-02-30`),
      ':5:102: systems.0.evidence.0.collected_at: not a time; expected one such as 1970-01-01T00:00:00Z or 2026-11-01',
      ':5:127: systems.0.evidence.0.expires_at: not a time; expected one such as 1970-01-01T00:00:00Z or 2026-11-01',
    ],
    [
      'endless times',
      row(`sha256: ${SHA}, collected_at: "-infinity", expires_at: 2026`),
      ':5:102: systems.0.evidence.0.collected_at: not a time; expected one such as 1970-01-01T00:00:00Z or 2026-11-01',
      ':5:129: systems.0.evidence.0.expires_at: expected a time such as 2026-11-01T00:00:00Z',
    ],
    [
      'a missing file',
      row('file: none.json'),
      ':5:28: systems.0.evidence.0.file: "none.json" there is no such file',
    ],
    ['a folder', row('file: .'), ':5:28: systems.0.evidence.0.file: "." is not a file'],
    [
      'one content twice',
      `${row(`sha256: ${SHA}, collected_at: 2026-01-01`)}      - { type: u, key: l, sha256: ${SHA}, collected_at: 2026-01-01 }`,
      ':6:9: systems.0.evidence.1: has the same sha256 as "t k" above; evidence is identified by its sha256, so keep one of them',
    ],
  ]

  test.each(cases)('%s', async (_, text, ...said) => {
    expect(await refusal(text)).toEqual(said)
  })

  test('a named pipe is not waited for', async () => {
    execFileSync('mkfifo', [join(folder.path, 'pipe')])
    expect(await refusal(row('file: pipe'))).toEqual([
      ':5:28: systems.0.evidence.0.file: "pipe" is not a file',
    ])
  })

  test('a missing inventory', () => {
    expect(() => readInventory('none.yaml')).toThrow('none.yaml: cannot read this inventory: no such file')
  })
})
