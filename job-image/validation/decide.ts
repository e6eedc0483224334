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
 * Decides every control of the plan for one system; the answers are parallel to `plan.controls`.
 * Controls with the same outcome get the *same object*: a system has some fifty distinct decisions for a thousand
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
 * `decideSystem` for several systems: what each has as evidence → its decisions, or why it cannot be decided. Goes rule
 * by rule and node by node over all of them and adds to `times` what each took: a timer around every single decision
 * would measure the timer.
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
  return work.map((system) => system.answer())
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

/** One system on its way through rules and nodes. What goes wrong for it is kept, so that the others go on. */
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

  /** The nodes come in the plan's order: each after those that it links to. */
  decide(node: PlanNode): void {
    this.#attempt(() => this.#decisions.push(node.fixed ?? this.#decided(node)))
  }

  answer(): readonly Decision[] | Error {
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

/** What the evidence says to one rule, prerequisites aside. */
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
  // One key per type, of its newest row: a collector that leaves a row every hour must not grow every result by all
  // of them. The list is as long as the rule at most, and points at what was true last.
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

/** Why a control does not pass. `named` are the types whose expiry the message already tells. */
type Objection = {
  readonly message: string
  readonly named: readonly LackingType[]
  readonly remediation: string | null
  readonly attributes: Record<string, unknown>
}

type Check = (finding: Finding, blockers: readonly UnmetPrerequisite[]) => Objection | undefined

/** In the order of the specification; the first objection is the answer, none means pass. */
const CHECKS: readonly Check[] = [prerequisitesPass, requiredAllPresent, requiredAnyPresent]

function prerequisitesPass(_finding: Finding, blockers: readonly UnmetPrerequisite[]): Objection | undefined {
  if (blockers.length === 0) return undefined
  const attributes = { blocked_by: blockers.map(({ control }) => control) }
  const remediation = messages.blockedRemediation(blockers)
  return { message: messages.blocked(blockers), named: [], remediation, attributes }
}

function requiredAllPresent({ rule, required }: Finding): Objection | undefined {
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

function requiredAnyPresent({ rule, options }: Finding): Objection | undefined {
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
  let objection: Objection | undefined
  for (const check of CHECKS) objection ??= check(finding, blockers)
  const attributes: Record<string, unknown> = { rule: rule.label, ...objection?.attributes }
  if (expired.length > 0) attributes['expired'] = expired.map(({ type }) => type)
  if (future.length > 0) attributes['future'] = future.map(({ type }) => type)
  if (advisory.length > 0) attributes['advisory'] = advisory.map(({ control }) => control)
  const told = objection?.named ?? []
  const untold = expired.filter(({ type }) => !told.some((named) => named.type === type))
  const message = messages.withNotes(objection?.message ?? messages.present(types), untold, future, advisory)
  if (objection === undefined)
    return { status: 'pass', message, evidenceKeys: keys, remediation: null, attributes }
  const { remediation } = objection
  return { status: 'insufficient_evidence', message, evidenceKeys: [], remediation, attributes }
}
