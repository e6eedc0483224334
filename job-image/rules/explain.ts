import { InputError } from '../errors.ts'
import { baseControlId, canonicalControlId, displayControlId, familyOf } from './control-id.ts'
import { NIST_800_53, coversFramework, frameworkName } from './framework.ts'
import { findRule, rulesFor } from './rule-set.ts'
import type { FoundRule, RuleSet } from './rule-set.ts'

/** The rule of a control, and why it applies. The field names are those of the JSON output and of a pack. */
export type Explanation = {
  readonly control: string
  /** The framework that the control is looked up in. */
  readonly framework: string
  /** Other frameworks that have a rule for a control of this id. */
  readonly also_in: readonly string[]
  /** The rule in a stored decision's attributes (`AC-2`, `family AC`); null without a rule: the status is `unknown`. */
  readonly rule: string | null
  readonly why: string
  readonly title: string | null
  readonly pack: string | null
  readonly required_all: readonly string[]
  readonly required_any: readonly string[]
  readonly prerequisites: readonly { readonly control: string; readonly blocking: boolean }[]
  readonly remediation: string | null
}

/**
 * Without a framework the first one of the packs that has a rule for the id counts, else NIST SP 800-53. Throws an
 * InputError when the text is not a control id in any spelling.
 */
export function explainControl(rules: RuleSet, text: string, given?: string): Explanation {
  const frameworks = [...rules.frameworks.keys()]
  const withRule = frameworks.filter((each) => found(rules, each, text) !== undefined)
  const framework = given === undefined ? (withRule[0] ?? NIST_800_53) : frameworkName(given)
  const id = canonicalControlId(text, framework)
  if (id === undefined) {
    throw new InputError(`"${text}" is not a control id; expected one such as AC-2, AC-2(1) or ac-2.1`)
  }
  const also = withRule.filter((each) => !coversFramework(each, framework))
  const head = { control: displayControlId(id), framework, also_in: also }
  const own = rulesFor(rules, framework)
  if (own === undefined) return { ...head, rule: null, why: noPackFor(framework), ...NO_RULE }
  const rule = findRule(own, id)
  const why = reasonFor(id, rule?.scope)
  if (rule === undefined) return { ...head, rule: null, why, ...NO_RULE }
  const { title, pack, requiredAll, requiredAny, remediation } = rule.rule
  return {
    ...head,
    rule: rule.scope === 'family' ? `family ${rule.key}` : rule.key,
    why,
    title,
    pack,
    required_all: requiredAll,
    required_any: requiredAny,
    prerequisites: own.prerequisites
      .filter((prerequisite) => prerequisite.control === id)
      .map(({ requires, blocking }) => ({ control: displayControlId(requires), blocking })),
    remediation,
  }
}

function found(rules: RuleSet, framework: string, text: string): FoundRule | undefined {
  const id = canonicalControlId(text, framework)
  const own = rulesFor(rules, framework)
  return id === undefined || own === undefined ? undefined : findRule(own, id)
}

function noPackFor(framework: string): string {
  return `no rule pack is for the framework ${framework}: the status of its controls is always unknown`
}

/** Prerequisites are left out too: they cannot change `unknown`. */
const NO_RULE = {
  title: null,
  pack: null,
  required_all: [],
  required_any: [],
  prerequisites: [],
  remediation: null,
} as const

function reasonFor(id: string, scope: 'control' | 'family' | undefined): string {
  const family = familyOf(id)
  if (scope === 'control') return 'the control has a rule of its own'
  if (scope === undefined) {
    const tried = family === undefined ? 'and its id names no family' : `and neither has family ${family}`
    return `the control has no rule of its own ${tried}: its status is always unknown`
  }
  const base = baseControlId(id)
  const enhancement =
    base === undefined ? '' : `; an enhancement does not inherit the rule of ${displayControlId(base)}`
  return `the control has no rule of its own, so its family's applies${enhancement}`
}
