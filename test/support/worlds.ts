import fc from 'fast-check'
import { stringify } from 'yaml'
import { parseRulePack, readRulePack } from '../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../job-image/rules/rule-set.ts'
import type { RuleSet } from '../../job-image/rules/rule-set.ts'
import { assetPath } from '../../job-image/assets.ts'
import type { ControlRow, EvidenceRow } from '../../job-image/validation/model.ts'
import type { World } from './naive-evaluator.ts'

/*
 * The pools are small, so that prerequisites, shared types and duplicate controls are frequent. All times are within a few
 * microseconds of the reference time.
 */

export const REFERENCE_TIME = 1_793_491_200_000_000

const BUILT_IN_PACK = readRulePack(assetPath('nist-800-53-rev5.rules.yaml'))
const BUILT_IN = mergePacks([BUILT_IN_PACK])
const TYPES = [
  'audit-log',
  'iam-config',
  'terraform-plan',
  'rbac-config',
  'iam-policy',
  'kms-config',
  'own-type',
]
/** The controls in an order in which prerequisites only point to the left, so that there are no cycles. */
const IDS = ['ac-1', 'ac-2', 'ac-3', 'ac-2.1', 'ac-3.7', 'sc-12', 'ra-5', 'zz-1', 'x1.2.3']

export function spellings(id: string): string[] {
  const [, letters, number, enhancement] = /^([a-z]+)-(\d+)(?:\.(\d+))?$/.exec(id) ?? []
  if (letters === undefined || number === undefined) return [id, id.toUpperCase(), ` ${id} `]
  const numbers = [number, number.padStart(2, '0'), number.padStart(3, '0')]
  const tails =
    enhancement === undefined
      ? ['']
      : [`.${enhancement}`, `(${enhancement})`, `(${enhancement.padStart(2, '0')})`, ` (${enhancement})`]
  return [letters, letters.toUpperCase()].flatMap((name) =>
    numbers.flatMap((each) => tails.map((tail) => `${name}-${each}${tail}`)),
  )
}

const someTypes = (minLength: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...TYPES), { minLength, maxLength: 3 })

const lists = fc
  .oneof(fc.tuple(someTypes(1), someTypes(0)), fc.tuple(someTypes(0), someTypes(1)))
  .map(([required_all, required_any]) => ({ required_all, required_any }))

const edge = fc
  .tuple(fc.nat(IDS.length - 1), fc.nat(IDS.length - 1), fc.boolean())
  .filter(([a, b]) => a !== b)
  .map(([a, b, blocking]) => ({ control: IDS[Math.max(a, b)]!, requires: IDS[Math.min(a, b)]!, blocking }))

/** Generates the built-in rules, alone or with a user's pack that is written and read as YAML. */
export const ruleSets: fc.Arbitrary<RuleSet> = fc.option(
  fc
    .record({
      name: fc.constant('user'),
      frameworks: fc.constantFrom(
        ['nist-800-53'],
        ['NIST SP 800-53 Rev. 5'],
        ['handbook'],
        ['handbook', 'nist-800-53'],
      ),
      families: fc.dictionary(fc.constantFrom('AC', 'sc', 'ZZ'), lists),
      controls: fc.dictionary(fc.constantFrom('AC-3', 'ac-2(1)', 'RA-05', 'x1.2.3'), lists),
      prerequisites: fc.uniqueArray(edge, {
        maxLength: 6,
        selector: ({ control, requires }) => `${control} ${requires}`,
      }),
    })
    .map((pack) => mergePacks([BUILT_IN_PACK, parseRulePack(stringify(pack), 'user.yaml')])),
  { nil: BUILT_IN },
)

/** The frameworks of the catalogs: two of the built-in rules, one of a user's pack, one unknown. */
const CATALOG_FRAMEWORKS = ['nist-800-53-rev5', 'nist-800-53-rev4', 'handbook', undefined]

const requirement = fc.record({
  requiredAll: fc.array(fc.constantFrom(...TYPES), { maxLength: 2 }),
  requiredAny: fc.array(fc.constantFrom(...TYPES), { maxLength: 3 }),
})

const controlRow = fc.record(
  {
    id: fc.nat(1000),
    catalogId: fc.nat(CATALOG_FRAMEWORKS.length - 1),
    controlId: fc
      .constantFrom(...IDS, 'ac-2', 'ac-2', 'ac-3')
      .chain((id) => fc.constantFrom(...spellings(id))),
    requirements: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(requirement, { maxLength: 3 }) },
    ),
    problem: fc.constant('row 7: required_all is not a list'),
  },
  { requiredKeys: ['id', 'catalogId', 'controlId', 'requirements'] },
)

export const controlRows: fc.Arbitrary<ControlRow[]> = fc
  .uniqueArray(controlRow, { maxLength: 12, selector: ({ id }) => id })
  .map((rows) => rows.map((row) => ({ ...row, framework: CATALOG_FRAMEWORKS[row.catalogId] })))
  // Problems are rare, because otherwise most prerequisites would be unknown.
  .map((rows) => rows.map((row) => (row.id % 7 === 0 ? row : withoutProblem(row))))

function withoutProblem(row: ControlRow): ControlRow {
  const { problem: _, ...rest } = row
  return rest
}

const nearby = fc.integer({ min: -3, max: 3 }).map((offset) => REFERENCE_TIME + offset)

/** The evidence keys. Two of them are ordered differently by UTF-16 and by code point. */
const KEYS = ['a.json', 'b.json', 'c.json', 'B.json', '\u{ff01}.json', '\u{1f600}.json']

/** Generates up to `maxLength` rows of one system. */
export const evidenceHistories = (maxLength: number): fc.Arbitrary<EvidenceRow[]> =>
  fc.uniqueArray(
    fc.record({
      id: fc.nat(1000),
      type: fc.constantFrom(...TYPES, 'type-of-no-rule'),
      key: fc.constantFrom(...KEYS),
      collectedAt: fc.oneof(nearby, fc.constantFrom(-Infinity, Infinity)),
      expiresAt: fc.oneof(nearby, fc.constantFrom(null, null, -Infinity, Infinity)),
    }),
    { maxLength, selector: ({ id }) => id },
  )

export const evidenceRows = evidenceHistories(14)

export const worlds: fc.Arbitrary<World & { rules: RuleSet }> = fc.record({
  rules: ruleSets,
  rows: controlRows,
  evidence: evidenceRows,
  referenceTime: fc.constant(REFERENCE_TIME),
})
