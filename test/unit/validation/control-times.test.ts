import { expect, it } from 'vitest'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { controlTimes, noTimes } from '../../../job-image/validation/control-times.ts'
import { compilePlan, decideSystem, decideSystems } from '../../../job-image/validation/decide.ts'
import type { ControlRow, EvidenceRow } from '../../../job-image/validation/model.ts'

const control = (id: number, controlId: string): ControlRow => ({
  id,
  catalogId: 1,
  framework: 'nist-800-53-rev5',
  controlId,
  requirements: [],
})
const PLAN = compilePlan(
  loadRuleSet(),
  ['AC-2', 'AC-3', 'AC-4', 'AC-5', 'AU-2', 'ZZ-1'].map((name, index) => control(index + 1, name)),
)
const evidence = (type: string): EvidenceRow => ({
  id: 1,
  type,
  key: `${type}.json`,
  collectedAt: 0,
  expiresAt: null,
})

it('several systems get what each gets alone', () => {
  const systems = [[evidence('audit-log')], [], [evidence('iam-policy'), evidence('audit-log')]]
  expect(decideSystems(PLAN, systems, 1)).toEqual(systems.map((rows) => decideSystem(PLAN, rows, 1)))
})

it('the time of all controls is the time spent, in equal parts for those that are decided together', () => {
  const times = noTimes(PLAN)
  times.rules.fill(6)
  times.nodes.fill(2)
  const us = controlTimes(PLAN, times)
  // A node that only a prerequisite needs is nobody's own.
  const nodes = [...new Set(PLAN.nodeOf)].map((index) => PLAN.nodes[index]!)
  const rules = new Set(nodes.flatMap((node) => (node.fixed === undefined ? [node.rule] : [])))
  const spent = nodes.length * 2 + rules.size * 6
  expect(us.reduce((sum, each) => sum + each, 0)).toBeCloseTo(spent * 1000, -1)
  const byName = Object.fromEntries(PLAN.controls.map(({ controlId }, index) => [controlId, us[index]]))
  // Both take the rule of their family, and nothing else.
  expect(byName['AC-4']).toBe(byName['AC-5'])
  expect(byName['AC-4']).toBeLessThan(byName['AC-2']!)
})

it('grows with every batch', () => {
  const times = noTimes(PLAN)
  decideSystems(PLAN, [[evidence('audit-log')]], 1, times)
  const first = times.nodes.reduce((sum, each) => sum + each, 0)
  decideSystems(PLAN, [[], []], 1, times)
  expect(times.nodes.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(first)
})
