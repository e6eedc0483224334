import { expect, test } from 'vitest'
import { listRules } from '../../../job-image/rules/list.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../../job-image/rules/rule-set.ts'

const rules = mergePacks([
  parseRulePack(
    `name: ours
families:
  AU: { title: Audit, required_all: [log], required_any: [x], remediation: Log it. }
  AC: { required_all: [list] }
controls:
  AC-10: { required_all: [ten] }
  AC-2: { title: Accounts, required_any: [two] }
prerequisites:
  - { control: AC-10, requires: AC-2, blocking: false }
  - { control: AC-3, requires: AC-1 }
`,
    'ours.yaml',
  ),
  parseRulePack('name: other\nframeworks: [handbook]\ncontrols: { K-1: { required_all: [k] } }\n', 'o.yaml'),
])

test('families come before controls, each in its order, framework by framework', () => {
  expect(listRules(rules).map(({ framework, applies_to, rule }) => [framework, applies_to, rule])).toEqual([
    ['nist-800-53', 'family AC', 'family AC'],
    ['nist-800-53', 'family AU', 'family AU'],
    ['nist-800-53', 'AC-2', 'AC-2'],
    // It has prerequisites only, and the rule of its family.
    ['nist-800-53', 'AC-3', 'family AC'],
    ['nist-800-53', 'AC-10', 'AC-10'],
    ['handbook', 'K-1', 'K-1'],
  ])
})

test('a family and a control have the same keys, with what they need', () => {
  const [, audit, , , ten] = listRules(rules)
  expect(audit).toEqual({
    applies_to: 'family AU',
    framework: 'nist-800-53',
    rule: 'family AU',
    title: 'Audit',
    pack: 'ours',
    required_all: ['log'],
    required_any: ['x'],
    prerequisites: [],
    remediation: 'Log it.',
  })
  expect(ten).toMatchObject({
    required_all: ['ten'],
    prerequisites: [{ control: 'AC-2', blocking: false }],
    remediation: null,
  })
  expect(Object.keys(ten!).sort()).toEqual(Object.keys(audit!).sort())
})
