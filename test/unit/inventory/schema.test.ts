import { describe, expect, test } from 'vitest'
import { inventorySchema } from '../../../job-image/inventory/schema.ts'
import type { EvidenceSource } from '../../../job-image/inventory/schema.ts'

const SHA = 'ab'.repeat(32)
const EVIDENCE = { type: 't', key: 'k', sha256: SHA, collected_at: '2026-11-01' }

const withSystem = (system: object): unknown => ({ systems: [{ name: 's', ...system }] })
const withEvidence = (changes: object): unknown => withSystem({ evidence: [{ ...EVIDENCE, ...changes }] })

/** The problems of an inventory, each with its place. */
function problems(inventory: unknown): string[] {
  const { error } = inventorySchema.safeParse(inventory)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

function evidenceOf(changes: object): EvidenceSource {
  return inventorySchema.parse(withEvidence(changes)).systems[0]!.evidence![0]!
}

describe('a text', () => {
  test.each<[unknown, unknown, string]>([
    [withSystem({ name: '😀'.repeat(255) }), withSystem({ name: '😀'.repeat(256) }), 'systems.0.name'],
    [
      { environment: 'e'.repeat(50), systems: [] },
      { environment: 'e'.repeat(51), systems: [] },
      'environment',
    ],
    [
      withSystem({ environment: 'e'.repeat(50) }),
      withSystem({ environment: 'e'.repeat(51) }),
      'systems.0.environment',
    ],
    [
      withEvidence({ type: 't'.repeat(100) }),
      withEvidence({ type: 't'.repeat(101) }),
      'systems.0.evidence.0.type',
    ],
    [
      withEvidence({ key: 'k'.repeat(500) }),
      withEvidence({ key: 'k'.repeat(501) }),
      'systems.0.evidence.0.key',
    ],
    [
      withEvidence({ filename: 'f'.repeat(255) }),
      withEvidence({ filename: 'f'.repeat(256) }),
      'systems.0.evidence.0.filename',
    ],
  ])('fills its column, and is refused with one character more (%#)', (good, bad, place) => {
    expect(problems(good)).toEqual([])
    expect(problems(bad)).toEqual([expect.stringContaining(`${place}: has `)])
  })

  test('of a description may be empty and long, and must be storable', () => {
    expect(problems(withSystem({ description: '' }))).toEqual([])
    expect(problems(withSystem({ description: 'x'.repeat(10_000) }))).toEqual([])
    expect(problems(withSystem({ description: '\0' }))).toEqual([
      'systems.0.description: must not contain a NUL character, which PostgreSQL cannot store',
    ])
  })

  test('of a name must be visible; that of a key need not be', () => {
    expect(problems(withSystem({ name: 'a\u200Bb' }))).toHaveLength(1)
    expect(problems(withEvidence({ type: 'a\u200Bb' }))).toHaveLength(1)
    expect(problems(withEvidence({ key: 'a\u200Bb' }))).toEqual([])
  })
})

describe('a time', () => {
  const FIRST = -62_135_596_800_000_000

  test.each<[string, number | undefined]>([
    ['1970-01-01', 0],
    ['1970-01-01T00:00:00.000001', 1],
    ['1970-01-01T01:00:00+01:00', 0],
    ['0001-01-01', FIRST],
    ['0000-12-31', undefined],
    ['9999-12-31T23:59:59Z', 253_402_300_799_000_000],
    // The last microseconds of the year are not those of the next one, which PostgreSQL writes with five digits.
    ['9999-12-31T23:59:59.999999Z', 253_402_300_799_999_968],
    ['10000-01-02T00:00:00Z', undefined],
    ['infinity', undefined],
    ['tomorrow', undefined],
  ])('%s is %s in microseconds', (text, micros) => {
    if (micros === undefined) expect(problems(withEvidence({ expires_at: text }))).toHaveLength(1)
    else expect(evidenceOf({ expires_at: text }).expires_at).toBe(micros)
  })
})

describe('a key without a value', () => {
  test('is the same as no key', () => {
    const nothing = { description: null, attributes: null, evidence: null }
    expect(inventorySchema.parse(withSystem(nothing)).systems[0]).toMatchObject({
      description: undefined,
      attributes: undefined,
      evidence: undefined,
    })
    expect(evidenceOf({ expires_at: null, attributes: null })).toMatchObject({ expires_at: undefined })
  })
})

describe('attributes', () => {
  test('are what a reader of the column gets', () => {
    const { systems } = inventorySchema.parse(withSystem({ attributes: { a: -0, b: [1.5, null, 'x'] } }))
    expect(systems[0]?.attributes).toStrictEqual({ a: 0, b: [1.5, null, 'x'] })
  })

  test.each<[unknown, string]>([
    [{ a: Infinity }, 'attributes.a: is no number that JSON can hold'],
    [{ a: [0, NaN] }, 'attributes.a.1: is no number that JSON can hold'],
    [{ a: 2 ** 53 }, 'attributes.a: has more digits than a number keeps; put it in quotes'],
    [{ a: { b: '\0' } }, 'attributes.a.b: must not contain a NUL character, which PostgreSQL cannot store'],
    [
      { '\uD800': 1 },
      'attributes: a key must not contain half of a surrogate pair, which PostgreSQL cannot store',
    ],
    [[1], 'attributes: expected a map'],
  ])('%j are refused', (attributes, message) => {
    expect(problems(withSystem({ attributes }))).toEqual([`systems.0.${message}`])
  })

  test('may hold the largest number without loss', () => {
    expect(problems(withSystem({ attributes: { a: 2 ** 53 - 1, b: 1e300 } }))).toEqual([
      expect.stringContaining('attributes.b: has more digits'),
    ])
  })
})

describe('evidence', () => {
  test('is identified by a file or by its sha256 and a time', () => {
    const bare = { type: 't', key: 'k' }
    const one = (evidence: object): string[] => problems(withSystem({ evidence: [evidence] }))
    expect(one({ ...bare, file: 'a' })).toEqual([])
    expect(one(EVIDENCE)).toEqual([])
    expect(one({ ...bare, sha256: SHA })).toEqual([expect.stringContaining('has no collected_at')])
    expect(one({ ...bare, collected_at: '2026-11-01' })).toEqual([
      expect.stringContaining('has neither file nor sha256'),
    ])
    expect(one(bare)).toHaveLength(2)
  })

  test.each([
    [SHA.toUpperCase(), 'expected 64 lower-case hexadecimal digits'],
    [SHA.slice(1), 'expected 64 lower-case hexadecimal digits'],
    [`${SHA}0`, 'expected 64 lower-case hexadecimal digits'],
  ])('with the sha256 %s is refused', (sha256, message) => {
    expect(problems(withEvidence({ sha256 }))).toEqual([`systems.0.evidence.0.sha256: ${message}`])
  })
})

test.each([
  [undefined, 'expected a map with environment and systems'],
  [{ systems: {} }, 'expected a list of systems'],
  [{ systems: ['a'] }, 'expected a map with name and evidence'],
  [withSystem({ evidence: {} }), 'expected a list'],
  [withSystem({ evidence: ['a'] }), 'expected a map with type, key, and file or sha256'],
])('%j is refused: %s', (inventory, message) => {
  expect(problems(inventory).join()).toContain(message)
})
