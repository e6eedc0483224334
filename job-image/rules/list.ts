import { compareControlIds, displayControlId } from './control-id.ts'
import { explainControl } from './explain.ts'
import type { Explanation } from './explain.ts'
import type { FrameworkRules, RuleSet } from './rule-set.ts'

/** One line of `rules list`: what a family or a control of a framework needs. */
export type ListedRule = Omit<Explanation, 'control' | 'why' | 'also_in'> & { readonly applies_to: string }

/** The rules of each framework: families, then controls, with those that have only prerequisites and take their family's rule. */
export function listRules(rules: RuleSet): ListedRule[] {
  return [...rules.frameworks].flatMap(([framework, own]) => listFramework(rules, framework, own))
}

function listFramework(rules: RuleSet, framework: string, own: FrameworkRules): ListedRule[] {
  const families = [...own.families].map(([family, rule]): ListedRule => ({
    applies_to: `family ${family}`,
    framework,
    rule: `family ${family}`,
    title: rule.title,
    pack: rule.pack,
    required_all: rule.requiredAll,
    required_any: rule.requiredAny,
    prerequisites: [],
    remediation: rule.remediation,
  }))
  const ids = new Set([...own.controls.keys(), ...own.prerequisites.map(({ control }) => control)])
  const controls = [...ids].sort(compareControlIds).map((id): ListedRule => {
    const { control, why: _, also_in: __, ...rest } = explainControl(rules, displayControlId(id), framework)
    return { applies_to: control, ...rest }
  })
  return [...families, ...controls]
}
