import { compareText } from '../rules/control-id.ts'
import type { Micros } from '../time.ts'
import { decideSystem } from '../validation/decide.ts'
import type { Decision, ValidationPlan } from '../validation/decide.ts'
import type { EvidenceRow } from '../validation/model.ts'

/** What evaluating one system again is based on. */
export type ReplayInput = {
  readonly plan: ValidationPlan
  readonly evidence: readonly EvidenceRow[]
  readonly referenceTime: Micros
}

/** A control whose answer differs when it is evaluated again. */
export type Difference = {
  /** Index of the control in the plan. */
  readonly index: number
  readonly stored: Decision
  readonly now: Decision
}

/** Evaluates a system as its run did, and compares the answers with the stored ones, which are in the plan's order. */
export function replay(input: ReplayInput, stored: readonly Decision[]): Difference[] {
  const decisions = decideSystem(input.plan, input.evidence, input.referenceTime)
  // Controls share decisions, so that each pair is compared once.
  const compared = new Map<Decision, Map<Decision, boolean>>()
  return decisions.flatMap((now, index) => {
    const before = stored[index]
    if (before === undefined) return []
    const known = compared.get(before) ?? new Map<Decision, boolean>()
    compared.set(before, known)
    const equal = known.get(now) ?? isEqual(before, now)
    known.set(now, equal)
    return equal ? [] : [{ index, stored: before, now }]
  })
}

function isEqual(a: Decision, b: Decision): boolean {
  return JSON.stringify(comparable(a)) === JSON.stringify(comparable(b))
}

/** The attributes with their keys in order: another version may set them in another one. */
function comparable({ status, message, evidenceKeys, remediation, attributes }: Decision): unknown {
  const sorted = Object.entries(attributes).toSorted(([a], [b]) => compareText(a, b))
  return [status, message, evidenceKeys, remediation, sorted]
}
