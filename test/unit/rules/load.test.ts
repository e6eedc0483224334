import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { findRule, rulesFor } from '../../../job-image/rules/rule-set.ts'
import { createFolder } from '../../support/run-command.ts'

const ruleSet = loadRuleSet()
const rules = rulesFor(ruleSet, 'nist-800-53-rev5')!

/** all of / one of */
function needs(id: string): string {
  const rule = findRule(rules, id)?.rule
  return `${rule?.requiredAll.join(' ')} / ${rule?.requiredAny.join(' ')}`
}

test('holds 14 control rules, 20 family rules and 10 prerequisites', () => {
  expect([rules.controls.size, rules.families.size, rules.prerequisites.length]).toEqual([14, 20, 10])
})

test.each([
  ['ac-2', 'audit-log / terraform-plan iam-config'],
  ['ac-3', ' / iam-policy rbac-config'],
  ['au-2', ' / logging-config cloudtrail-config audit-log'],
  ['au-3', ' / audit-log log-sample'],
  ['au-6', ' / siem-config log-analysis'],
  ['cm-2', 'change-request / terraform-plan ansible-playbook cloudformation-template'],
  ['cm-3', 'change-request / github-workflow gitlab-pipeline argo-workflow'],
  ['cm-6', ' / terraform-plan ansible-playbook conftest-result'],
  ['cm-7', ' / conftest-result opa-result'],
  ['sc-7', ' / terraform-plan network-diagram security-group-config'],
  ['sc-8', ' / tls-config certificate'],
  ['sc-12', ' / kms-config key-rotation-policy'],
  ['sc-13', ' / encryption-config conftest-result'],
  ['sc-28', ' / terraform-plan encryption-config'],
  ['ac-99', 'audit-log / terraform-plan iam-config rbac-config iam-policy'],
  ['at-99', ' / training-records training-plan security-awareness-evidence'],
  ['au-99', ' / logging-config cloudtrail-config audit-log siem-config'],
  ['ca-99', ' / assessment-report security-assessment audit-report'],
  ['cm-99', 'change-request / terraform-plan ansible-playbook cloudformation-template github-workflow'],
  ['cp-99', ' / backup-config disaster-recovery-plan contingency-plan'],
  ['ia-99', ' / mfa-config authentication-config iam-config'],
  ['ir-99', ' / incident-response-plan runbook alert-config'],
  ['ma-99', ' / maintenance-log patch-management-config maintenance-procedure'],
  ['mp-99', ' / media-protection-policy data-sanitization-procedure'],
  ['pe-99', ' / physical-security-policy datacenter-attestation facility-documentation'],
  ['pl-99', ' / security-plan system-security-plan risk-assessment'],
  ['pm-99', ' / program-management-plan governance-documentation policy-documentation'],
  ['ps-99', ' / personnel-screening background-check-policy termination-procedure'],
  ['pt-99', ' / privacy-policy pii-inventory data-flow-diagram'],
  ['ra-99', ' / risk-assessment vulnerability-scan penetration-test'],
  ['sa-99', ' / sdlc-documentation acquisition-policy supply-chain-risk-assessment'],
  ['sc-99', ' / terraform-plan encryption-config network-config conftest-result'],
  ['si-99', ' / vulnerability-scan ids-config malware-protection-config'],
  ['sr-99', ' / supply-chain-risk-assessment vendor-assessment sbom'],
])('%s needs %s', (id, expected) => {
  expect(needs(id)).toBe(expected)
})

test('only AC-3 is blocked, by AC-2; the other prerequisites are advice', () => {
  const edges = rules.prerequisites.map(
    (edge) => `${edge.control} ${edge.requires}${edge.blocking ? ' !' : ''}`,
  )
  expect(edges).toEqual([
    'ac-2 ac-1',
    'ac-3 ac-1',
    'ac-3 ac-2 !',
    'ac-4 ac-1',
    'ac-5 ac-1',
    'ac-6 ac-1',
    'ia-2 ia-1',
    'ia-3 ia-1',
    'ia-4 ia-1',
    'ia-5 ia-1',
  ])
})

test('every rule says in one short sentence what to do, each its own', () => {
  const texts = [...rules.controls.values(), ...rules.families.values()].map(
    ({ remediation }) => remediation ?? '',
  )
  expect(new Set(texts).size).toBe(34)
  for (const text of texts) expect(text).toMatch(/^[A-Z][^.]{20,138}\.$/)
})

test('packs are merged over the built-in one in their order', () => {
  const folder = createFolder()
  const pack = (name: string, type: string): string =>
    join(folder.path, folder.write(name, `name: ${type}\ncontrols: { AC-2: { required_all: [${type}] } }\n`))
  const merged = loadRuleSet({ packs: [pack('1.yaml', 'first'), pack('2.yaml', 'second')] })
  expect(merged.packs).toEqual([...ruleSet.packs, 'first', 'second'])
  expect(findRule(rulesFor(merged, 'nist-800-53-rev5')!, 'ac-2')?.rule.requiredAll).toEqual(['second'])
  expect(() => loadRuleSet({ packs: [join(folder.path, 'none.yaml')] })).toThrow('none.yaml: cannot read')
})
