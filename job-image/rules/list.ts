import { compareControlIds, displayControlId } from './control-id.ts'
import { explainControl } from './explain.ts'
import type { Explanation } from './explain.ts'
import type { RuleSet } from './rule-set.ts'

/** One line of `rules list`: what a family or a control needs. */
export type ListedRule = Omit<Explanation, 'control' | 'why'> & { readonly applies_to: string }

/** Families, then controls: those with a rule of their own, and those whose prerequisites go with their family's. */
export function listRules(rules: RuleSet): ListedRule[] {
  const families = [...rules.families].map(([family, rule]): ListedRule => ({
    applies_to: `family ${family}`,
    rule: `family ${family}`,
    title: rule.title,
    pack: rule.pack,
    required_all: rule.requiredAll,
    required_any: rule.requiredAny,
    prerequisites: [],
    remediation: rule.remediation,
  }))
  const ids = new Set([...rules.controls.keys(), ...rules.prerequisites.map(({ control }) => control)])
  const controls = [...ids].sort(compareControlIds).map((id): ListedRule => {
    const { control, why: _, ...rest } = explainControl(rules, displayControlId(id))
    return { applies_to: control, ...rest }
  })
  return [...families, ...controls]
}
