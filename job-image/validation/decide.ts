import { asError } from '../errors.ts'
import type { Micros } from '../time.ts'
import { noTimes } from './control-times.ts'
import type { DecisionTimes } from './control-times.ts'
import { holdingsOf, NOTHING } from './evidence.ts'
import type { Holding } from './evidence.ts'
import * as messages from './messages.ts'
import type { DatedType, LackingType, UnmetPrerequisite } from './messages.ts'
import type { Decision, EvidenceRow } from './model.ts'
import type { CompiledRule, Link, PlanNode, ValidationPlan } from './plan.ts'

export { compilePlan } from './plan.ts'
export type { InvalidControl, ValidationPlan } from './plan.ts'
export type { ControlRow, Decision, EvidenceRow, Requirement, Status } from './model.ts'

/**
 * Decides every control of the plan for one system; the decisions are parallel to `plan.controls`.
 * Controls with the same outcome share the *same object*: a system has about fifty distinct decisions for a thousand
 * controls, so the caller can encode each once.
 */
export function decideSystem(
  plan: ValidationPlan,
  evidence: readonly EvidenceRow[],
  referenceTime: Micros,
): readonly Decision[] {
  const [decisions] = decideSystems(plan, [evidence], referenceTime)
  if (decisions instanceof Error) throw decisions
  return decisions!
}

/**
 * Decides several systems: returns the decisions of each, or the error that prevents them. Processes all systems rule by
 * rule and node by node, and adds the time of each to `times`: a timer around every single decision would measure itself.
 */
export function decideSystems(
  plan: ValidationPlan,
  systems: readonly (readonly EvidenceRow[])[],
  referenceTime: Micros,
  times: DecisionTimes = noTimes(plan),
): readonly (readonly Decision[] | Error)[] {
  const work = systems.map((evidence) => new SystemWork(plan, evidence, referenceTime))
  measure(plan.rules, times.rules, (rule) => work.forEach((system) => system.examine(rule)))
  measure(plan.nodes, times.nodes, (node) => work.forEach((system) => system.decide(node)))
  return work.map((system) => system.result())
}

function measure<T>(steps: readonly T[], times: Float64Array, take: (step: T) => void): void {
  let before = performance.now()
  steps.forEach((step, index) => {
    take(step)
    const after = performance.now()
    times[index]! += after - before
    before = after
  })
}

/** The evaluation of one system. Its first error is kept, so that it does not affect other systems. */
class SystemWork {
  readonly #plan: ValidationPlan
  readonly #referenceTime: Micros
  #holdings: readonly Holding[] = []
  readonly #findings: Finding[] = []
  readonly #decisions: Decision[] = []
  #failure: Error | undefined

  constructor(plan: ValidationPlan, evidence: readonly EvidenceRow[], referenceTime: Micros) {
    this.#plan = plan
    this.#referenceTime = referenceTime
    this.#attempt(() => {
      this.#holdings = holdingsOf(plan.typeIndex, evidence, referenceTime)
    })
  }

  examine(rule: CompiledRule): void {
    this.#attempt(() =>
      this.#findings.push(examine(rule, this.#plan.types, this.#holdings, this.#referenceTime)),
    )
  }

  /** Must be called in the plan's order of nodes. */
  decide(node: PlanNode): void {
    this.#attempt(() => this.#decisions.push(node.fixed ?? this.#decided(node)))
  }

  result(): readonly Decision[] | Error {
    return this.#failure ?? this.#plan.nodeOf.map((node) => this.#decisions[node]!)
  }

  #decided({ rule, blocking, advisory }: Exclude<PlanNode, { readonly fixed: Decision }>): Decision {
    const decisions = this.#decisions
    return decide(this.#findings[rule]!, unmet(blocking, decisions), unmet(advisory, decisions))
  }

  #attempt(step: () => void): void {
    if (this.#failure !== undefined) return
    try {
      step()
    } catch (error) {
      this.#failure = asError(error)
    }
  }
}

/** The evaluation of one rule against the evidence, without prerequisites. */
type Finding = {
  readonly rule: CompiledRule
  /** Types of required_all without a valid row, in the rule's order. */
  readonly required: readonly LackingType[]
  /** Groups of options none of which has a valid row. */
  readonly options: readonly (readonly LackingType[])[]
  /** Types that have a valid row, and the keys of these rows. */
  readonly types: readonly string[]
  readonly keys: readonly string[]
  /** All types of the rule whose rows have all expired. */
  readonly expired: readonly DatedType[]
  readonly future: readonly DatedType[]
}

function examine(
  rule: CompiledRule,
  names: readonly string[],
  holdings: readonly Holding[],
  referenceTime: Micros,
): Finding {
  const types: string[] = []
  const expired: DatedType[] = []
  const future: DatedType[] = []
  // Only the key of the newest row of each type: a collector that adds a row every hour must not enlarge every result.
  const keys = new Set<string>()
  for (const index of rule.types) {
    const type = names[index]!
    const { valid, expiredAt } = holdings[index]!
    if (valid !== undefined) {
      types.push(type)
      keys.add(valid.key)
      if (valid.collectedAt > referenceTime) future.push({ type, at: valid.collectedAt })
    } else if (expiredAt !== undefined) expired.push({ type, at: expiredAt })
  }
  const isLacking = (index: number): boolean => holdings[index]!.valid === undefined
  const lacking = (index: number): LackingType => ({
    type: names[index]!,
    expiredAt: (holdings[index] ?? NOTHING).expiredAt,
  })
  const required = rule.all.filter(isLacking).map(lacking)
  const options = rule.groups.filter((group) => group.every(isLacking)).map((group) => group.map(lacking))
  return { rule, required, options, types, keys: [...keys], expired, future }
}

function unmet(links: readonly Link[], decisions: readonly Decision[]): readonly UnmetPrerequisite[] {
  if (links.length === 0) return NONE
  return links
    .map(({ control, node }) => ({ control, status: decisions[node]!.status }))
    .filter(({ status }) => status !== 'pass')
}

const NONE: readonly UnmetPrerequisite[] = []

/** Why a control does not pass. `named` are the types whose expiry the message already contains. */
type Reason = {
  readonly message: string
  readonly named: readonly LackingType[]
  readonly remediation: string | null
  readonly attributes: Record<string, unknown>
}

/** Returns why a finding does not satisfy the condition; undefined if it does. */
type Condition = (finding: Finding, blockers: readonly UnmetPrerequisite[]) => Reason | undefined

/** The conditions in the order of the specification. The first one that fails decides; a control without one passes. */
const CONDITIONS: readonly Condition[] = [prerequisitesPass, requiredAllPresent, requiredAnyPresent]

function prerequisitesPass(_finding: Finding, blockers: readonly UnmetPrerequisite[]): Reason | undefined {
  if (blockers.length === 0) return undefined
  const attributes = { blocked_by: blockers.map(({ control }) => control) }
  const remediation = messages.blockedRemediation(blockers)
  return { message: messages.blocked(blockers), named: [], remediation, attributes }
}

function requiredAllPresent({ rule, required }: Finding): Reason | undefined {
  if (required.length === 0) return undefined
  const missing = required.filter(({ expiredAt }) => expiredAt === undefined).map(({ type }) => type)
  const attributes = missing.length === 0 ? {} : { missing }
  return {
    message: messages.requiredLacking(required),
    named: required,
    remediation: rule.remediation,
    attributes,
  }
}

function requiredAnyPresent({ rule, options }: Finding): Reason | undefined {
  if (options.length === 0) return undefined
  const attributes = { missing_any: options.map((group) => group.map(({ type }) => type)) }
  const named = options.flat()
  return { message: messages.optionsLacking(options), named, remediation: rule.remediation, attributes }
}

function decide(
  finding: Finding,
  blockers: readonly UnmetPrerequisite[],
  advisory: readonly UnmetPrerequisite[],
): Decision {
  const { rule, types, keys, expired, future } = finding
  let reason: Reason | undefined
  for (const condition of CONDITIONS) reason ??= condition(finding, blockers)
  const attributes: Record<string, unknown> = { rule: rule.label, ...reason?.attributes }
  if (expired.length > 0) attributes['expired'] = expired.map(({ type }) => type)
  if (future.length > 0) attributes['future'] = future.map(({ type }) => type)
  if (advisory.length > 0) attributes['advisory'] = advisory.map(({ control }) => control)
  const named = reason?.named ?? []
  const unnamed = expired.filter(({ type }) => !named.some((each) => each.type === type))
  const message = messages.withNotes(reason?.message ?? messages.present(types), unnamed, future, advisory)
  if (reason === undefined)
    return { status: 'pass', message, evidenceKeys: keys, remediation: null, attributes }
  const { remediation } = reason
  return { status: 'insufficient_evidence', message, evidenceKeys: [], remediation, attributes }
}
