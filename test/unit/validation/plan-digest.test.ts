import { expect, test } from 'vitest'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../../job-image/rules/rule-set.ts'
import type { RuleSet } from '../../../job-image/rules/rule-set.ts'
import type { ControlRow } from '../../../job-image/validation/model.ts'
import { planDigest } from '../../../job-image/validation/plan-digest.ts'
import { compilePlan } from '../../../job-image/validation/plan.ts'

const RULES = loadRuleSet()

function row(id: number, controlId: string, more: Partial<ControlRow> = {}): ControlRow {
  return { id, catalogId: 1, framework: 'nist-800-53-rev5', controlId, requirements: [], ...more }
}

const digest = (rows: readonly ControlRow[], rules: RuleSet = RULES): string =>
  planDigest(compilePlan(rules, rows)).toString('hex')

const base = [row(1, 'AC-2'), row(2, 'AC-3')]

test('the digest is the same for rows in another order and ids in another spelling', () => {
  expect(digest(base)).toMatch(/^[0-9a-f]{64}$/)
  expect(digest([row(2, 'ac-03'), row(1, 'ac-02')])).toBe(digest(base))
})

test.each<[string, ControlRow[]]>([
  ['another row of a control', [row(1, 'AC-2'), row(7, 'AC-3')]],
  ['one control less', [row(1, 'AC-2')]],
  ['two controls exchanged', [row(1, 'AC-3'), row(2, 'AC-2')]],
  [
    'requirements of the database',
    [row(1, 'AC-2'), row(2, 'AC-3', { requirements: [{ requiredAll: ['a'], requiredAny: [] }] })],
  ],
  ['another framework', base.map((each) => ({ ...each, framework: undefined }))],
])('%s changes the digest', (_, rows) => {
  expect(digest(rows)).not.toBe(digest(base))
})

test('a rule, a type and whether a prerequisite blocks change the digest', () => {
  const pack = (text: string): RuleSet => mergePacks([parseRulePack(`name: p\n${text}`, 'p.yaml')])
  const edge = 'prerequisites: [{ control: AC-3, requires: AC-2 }]'
  const packs = [
    'families: { AC: { required_all: [a] } }',
    'families: { AC: { required_all: [b] } }',
    'families: { AC: { required_any: [a] } }',
    'families: { AC: { required_all: [a], remediation: Do it. } }',
    `families: { AC: { required_all: [a] } }\n${edge}`,
    `families: { AC: { required_all: [a] } }\n${edge.replace(' }]', ', blocking: false }]')}`,
  ]
  expect(new Set(packs.map((text) => digest(base, pack(text)))).size).toBe(packs.length)
})
