import { InputError } from '../errors.ts'
import { baseControlId, canonicalControlId, displayControlId, familyOf } from './control-id.ts'
import { findRule } from './rule-set.ts'
import type { RuleSet } from './rule-set.ts'

/** Which rule a control takes, and why. The names of the fields are those of the JSON output and of a pack. */
export type Explanation = {
  readonly control: string
  /** As in a stored decision's attributes (`AC-2`, `family AC`); null: no rule, the status is always `unknown`. */
  readonly rule: string | null
  readonly why: string
  readonly title: string | null
  readonly pack: string | null
  readonly required_all: readonly string[]
  readonly required_any: readonly string[]
  readonly prerequisites: readonly { readonly control: string; readonly blocking: boolean }[]
  readonly remediation: string | null
}

/** Throws an InputError when the text is not a control id in any spelling. */
export function explainControl(rules: RuleSet, text: string): Explanation {
  const id = canonicalControlId(text)
  if (id === undefined) {
    throw new InputError(`"${text}" is not a control id; expected one such as AC-2, AC-2(1) or ac-2.1`)
  }
  const found = findRule(rules, id)
  const why = reasonFor(id, found?.scope)
  const control = displayControlId(id)
  if (found === undefined) return { control, rule: null, why, ...NO_RULE }
  const { title, pack, requiredAll, requiredAny, remediation } = found.rule
  return {
    control,
    rule: found.scope === 'family' ? `family ${found.key}` : found.key,
    why,
    title,
    pack,
    required_all: requiredAll,
    required_any: requiredAny,
    prerequisites: rules.prerequisites
      .filter((prerequisite) => prerequisite.control === id)
      .map(({ requires, blocking }) => ({ control: displayControlId(requires), blocking })),
    remediation,
  }
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
