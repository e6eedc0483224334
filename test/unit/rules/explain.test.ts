import { expect, test } from 'vitest'
import { explainControl } from '../../../job-image/rules/explain.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../../job-image/rules/rule-set.ts'

const RULES = loadRuleSet()
const BOTH = mergePacks([
  parseRulePack(
    'name: ours\ncontrols: { AC-2: { title: Accounts, required_all: [a], required_any: [b, c], remediation: Do it. } }\n' +
      'prerequisites: [{ control: AC-2, requires: AC-1, blocking: false }, { control: AC-3, requires: AC-2 }]\n',
    'ours.yaml',
  ),
  parseRulePack(
    'name: handbook\nframeworks: [handbook]\nfamilies: { AC: { required_all: [d] } }\ncontrols: { X-1: { required_all: [e] } }\n',
    'handbook.yaml',
  ),
])

test('a control with a rule of its own has every part of it', () => {
  expect(explainControl(BOTH, 'ac-02')).toEqual({
    control: 'AC-2',
    framework: 'nist-800-53',
    also_in: ['handbook'],
    rule: 'AC-2',
    why: 'the control has a rule of its own',
    title: 'Accounts',
    pack: 'ours',
    required_all: ['a'],
    required_any: ['b', 'c'],
    prerequisites: [{ control: 'AC-1', blocking: false }],
    remediation: 'Do it.',
  })
})

test.each([
  ['AC-99', 'family AC', "the control has no rule of its own, so its family's applies"],
  [
    'AC-2(1)',
    'family AC',
    "the control has no rule of its own, so its family's applies; an enhancement does not inherit the rule of AC-2",
  ],
  [
    'ZZ-1',
    null,
    'the control has no rule of its own and neither has family ZZ: its status is always unknown',
  ],
  [
    '1.2.3',
    null,
    'the control has no rule of its own and its id names no family: its status is always unknown',
  ],
])('%s has the rule %s: %s', (text, rule, why) => {
  expect(explainControl(RULES, text)).toMatchObject({ rule, why })
})

test('a control without a rule has no prerequisites, because they decide nothing', () => {
  expect(explainControl(BOTH, 'AC-3')).toMatchObject({ framework: 'handbook', rule: 'family AC' })
  expect(explainControl(BOTH, 'AC-3', 'nist-800-53')).toMatchObject({
    also_in: ['handbook'],
    rule: null,
    title: null,
    pack: null,
    required_all: [],
    required_any: [],
    prerequisites: [],
    remediation: null,
  })
})

test('without a framework the first one with a rule counts, else NIST SP 800-53', () => {
  expect(explainControl(BOTH, 'X-1')).toMatchObject({ framework: 'handbook', also_in: [], rule: 'X-1' })
  expect(explainControl(BOTH, 'Y-1')).toMatchObject({ framework: 'nist-800-53', also_in: [], rule: null })
})

test('a framework may be given in any spelling; without a pack nothing can be decided', () => {
  expect(explainControl(BOTH, 'AC-2', 'Handbook')).toMatchObject({
    framework: 'handbook',
    also_in: ['nist-800-53'],
    rule: 'family AC',
  })
  expect(explainControl(BOTH, 'AC-2', 'NIST SP 800-53 Rev. 5')).toMatchObject({
    framework: 'nist-800-53-rev5',
    also_in: ['handbook'],
    rule: 'AC-2',
  })
  expect(explainControl(BOTH, 'AC-2', 'iso')).toMatchObject({
    rule: null,
    why: 'no rule pack is for the framework iso: the status of its controls is always unknown',
  })
})

test('a text that is not a control id is refused', () => {
  expect(() => explainControl(RULES, 'all of them')).toThrow(
    '"all of them" is not a control id; expected one such as AC-2, AC-2(1) or ac-2.1',
  )
})
