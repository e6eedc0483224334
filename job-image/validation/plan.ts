import { canonicalControlId, compareText, displayControlId } from '../rules/control-id.ts'
import { findRule, prerequisiteClosure, rulesFor } from '../rules/rule-set.ts'
import type { FoundRule, FrameworkRules, RuleSet } from '../rules/rule-set.ts'
import { frameworkNotKnown, invalidRequirements, noPack, noRule } from './messages.ts'
import type { ControlRow, Decision, Requirement } from './model.ts'

/** A rule with its evidence types as indexes into `ValidationPlan.types`. */
export type CompiledRule = {
  /** The value of `attributes.rule`: `AC-2`, `family AC` or `database`. */
  readonly label: string
  readonly remediation: string | null
  readonly all: readonly number[]
  /** Each group needs one of its types: one group for a pack's rule, one for each requirements row of the database. */
  readonly groups: readonly (readonly number[])[]
  /** All types of the rule, each once, in the order of reporting. */
  readonly types: readonly number[]
}

/** A resolved prerequisite: the node that decides it and the name to report. */
export type Link = { readonly control: string; readonly node: number }

/** One outcome per system, shared by all controls with the same rule and the same prerequisites. */
export type PlanNode =
  | { readonly fixed: Decision }
  | {
      readonly fixed?: undefined
      /** Index into `ValidationPlan.rules`. */
      readonly rule: number
      readonly blocking: readonly Link[]
      readonly advisory: readonly Link[]
    }

export type InvalidControl = { readonly id: number; readonly controlId: string; readonly message: string }

/** Everything about a run's controls that does not depend on the system. */
export type ValidationPlan = {
  /** Ordered by row id, as the decisions of `decideSystem` are. */
  readonly controls: readonly ControlRow[]
  /** The node of each control. */
  readonly nodeOf: readonly number[]
  /** Ordered so that each node follows the nodes that it links to. */
  readonly nodes: readonly PlanNode[]
  readonly rules: readonly CompiledRule[]
  readonly types: readonly string[]
  readonly typeIndex: ReadonlyMap<string, number>
  /** Controls whose requirements in the database are unusable; their status is `unknown`. */
  readonly invalidControls: readonly InvalidControl[]
}

/**
 * Resolves rules and prerequisites once for a run. `others` are controls outside of the selection: they are evaluated only
 * as prerequisites of selected ones, so that decisions do not depend on the selection (`prerequisiteClosure` returns the
 * ids to read).
 */
export function compilePlan(
  ruleSet: RuleSet,
  controls: readonly ControlRow[],
  others: readonly ControlRow[] = [],
): ValidationPlan {
  const selected = [...controls].sort((a, b) => a.id - b.id)
  const catalogs = groupByCatalog([...selected, ...others])
  const builder = new PlanBuilder()
  const nodes = new Map<ControlRow, number>()
  for (const [catalogId, rows] of Map.groupBy(selected, (row) => row.catalogId)) {
    const framework = rows[0]?.framework
    const catalog = new CatalogPlan(builder, rulesFor(ruleSet, framework), framework)
    catalog.resolvePrerequisites(rows.map(idOf), catalogs.get(catalogId) ?? new Map())
    for (const row of rows) nodes.set(row, catalog.nodeForRow(row))
  }
  const nodeOf = selected.map((row) => nodes.get(row)!)
  const invalidControls = selected.flatMap((row) => {
    const message = problemOf(row)
    return message === undefined ? [] : [{ id: row.id, controlId: row.controlId, message }]
  })
  return { controls: selected, nodeOf, ...builder.finish(), invalidControls }
}

/** Canonical id → the row that represents it in one catalog. */
type CatalogRows = Map<string, ControlRow>

/** A catalog may hold a control twice: the row with the lowest id is used for prerequisites of other controls. */
function groupByCatalog(rows: readonly ControlRow[]): Map<number, CatalogRows> {
  const catalogs = new Map<number, CatalogRows>()
  for (const row of rows) {
    const catalog = catalogs.get(row.catalogId) ?? new Map<string, ControlRow>()
    catalogs.set(row.catalogId, catalog)
    const id = idOf(row)
    const known = catalog.get(id)
    if (known === undefined || row.id < known.id) catalog.set(id, row)
  }
  return catalogs
}

/** The canonical id. An unreadable one has no rule and no prerequisites; its prefix avoids collisions with readable ones. */
function idOf(row: ControlRow): string {
  return canonicalControlId(row.controlId, row.framework) ?? `?${row.controlId}`
}

function problemOf({ problem, requirements }: ControlRow): string | undefined {
  if (problem !== undefined) return invalidRequirements(problem)
  for (const [index, { requiredAll, requiredAny }] of requirements.entries()) {
    const row = requirements.length === 1 ? 'the row' : `row ${index + 1} of ${requirements.length}`
    if (requiredAll.length + requiredAny.length === 0)
      return invalidRequirements(`${row} requires no evidence`)
    if ([...requiredAll, ...requiredAny].includes(''))
      return invalidRequirements(`${row} has an empty evidence type`)
  }
  return undefined
}

/** The nodes of one catalog. Rules and prerequisites are those of its framework only. */
class CatalogPlan {
  readonly #builder: PlanBuilder
  readonly #rules: FrameworkRules | undefined
  /** The decision for a control that no rule covers. */
  readonly #noRule: Decision
  readonly #prerequisites: ReadonlyMap<string, FrameworkRules['prerequisites']>
  /** Canonical id → node, for the ids that prerequisites name. */
  readonly #resolved = new Map<string, number>()

  constructor(builder: PlanBuilder, rules: FrameworkRules | undefined, framework: string | undefined) {
    this.#builder = builder
    this.#rules = rules
    this.#noRule = noRuleFor(rules, framework)
    this.#prerequisites = Map.groupBy(rules?.prerequisites ?? [], ({ control }) => control)
  }

  /** Creates the nodes of all prerequisites of the ids, from the catalog's row or else from the rules. */
  resolvePrerequisites(ids: readonly string[], rows: CatalogRows): void {
    if (this.#rules === undefined) return
    const needed = prerequisiteClosure(this.#rules, ids)
    if (needed.size === 0) return
    for (const id of this.#rules.order) {
      if (!needed.has(id)) continue
      const row = rows.get(id)
      this.#resolved.set(id, row === undefined ? this.#nodeForId(id) : this.nodeForRow(row))
    }
  }

  nodeForRow(row: ControlRow): number {
    const problem = problemOf(row)
    if (problem !== undefined) return this.#builder.fixedNode(unusableRequirements(problem))
    const id = idOf(row)
    if (row.requirements.length === 0) return this.#nodeForId(id)
    const all = row.requirements.flatMap(({ requiredAll }) => requiredAll)
    const groups = anyGroups(row.requirements)
    return this.#node(id, this.#builder.rule('database', row.remediation ?? null, all, groups))
  }

  #nodeForId(id: string): number {
    const found = this.#rules === undefined ? undefined : findRule(this.#rules, id)
    // Without a rule nothing can be decided, even if a prerequisite fails: `unknown`, not `insufficient_evidence`.
    return found === undefined
      ? this.#builder.fixedNode(this.#noRule)
      : this.#node(id, this.#builder.packRule(found))
  }

  #node(id: string, rule: number): number {
    const links = (blocking: boolean): Link[] =>
      (this.#prerequisites.get(id) ?? [])
        .filter((prerequisite) => prerequisite.blocking === blocking)
        .map(({ requires }) => ({
          control: displayControlId(requires),
          node: linked(this.#resolved, requires),
        }))
    return this.#builder.node({ rule, blocking: links(true), advisory: links(false) })
  }
}

function noRuleFor(rules: FrameworkRules | undefined, framework: string | undefined): Decision {
  if (framework === undefined) return frameworkNotKnown()
  return rules === undefined ? noPack(framework) : noRule()
}

function unusableRequirements(message: string): Decision {
  return {
    status: 'unknown',
    message,
    evidenceKeys: [],
    remediation: 'Correct the rows of control_requirements for this control.',
    attributes: { rule: 'database' },
  }
}

/** Collects the distinct nodes, rules and types of all catalogs. */
class PlanBuilder {
  readonly #nodes: PlanNode[] = []
  readonly #nodeIndex = new Map<string, number>()
  readonly #rules: CompiledRule[] = []
  readonly #ruleIndex = new Map<string, number>()
  readonly #types: string[] = []
  readonly #typeIndex = new Map<string, number>()

  finish(): Pick<ValidationPlan, 'nodes' | 'rules' | 'types' | 'typeIndex'> {
    return { nodes: this.#nodes, rules: this.#rules, types: this.#types, typeIndex: this.#typeIndex }
  }

  fixedNode(fixed: Decision): number {
    return this.#indexed(this.#nodes, this.#nodeIndex, `!${fixed.message}`, () => ({ fixed }))
  }

  node(node: PlanNode): number {
    return this.#indexed(this.#nodes, this.#nodeIndex, JSON.stringify(node), () => node)
  }

  packRule({ scope, key, rule }: FoundRule): number {
    const groups = rule.requiredAny.length === 0 ? [] : [rule.requiredAny]
    return this.rule(scope === 'family' ? `family ${key}` : key, rule.remediation, rule.requiredAll, groups)
  }

  rule(
    label: string,
    remediation: string | null,
    requiredAll: readonly string[],
    requiredAny: readonly (readonly string[])[],
  ): number {
    const indexes = (types: readonly string[]): number[] =>
      [...new Set(types)].map((type) => this.#type(type))
    const all = indexes(requiredAll)
    const groups = requiredAny.map(indexes)
    const rule = { label, remediation, all, groups, types: [...new Set([...all, ...groups.flat()])] }
    return this.#indexed(this.#rules, this.#ruleIndex, JSON.stringify(rule), () => rule)
  }

  #type(type: string): number {
    return this.#indexed(this.#types, this.#typeIndex, type, () => type)
  }

  #indexed<T>(list: T[], index: Map<string, number>, key: string, make: () => T): number {
    const known = index.get(key)
    if (known !== undefined) return known
    index.set(key, list.length)
    return list.push(make()) - 1
  }
}

function linked(resolved: ReadonlyMap<string, number>, id: string): number {
  const node = resolved.get(id)
  if (node === undefined)
    throw new Error(`prerequisite ${id} was not resolved before the control that needs it`)
  return node
}

/** One group of options per row, because every row must be satisfied; rows with the same options share one. */
function anyGroups(requirements: readonly Requirement[]): (readonly string[])[] {
  const groups = new Map<string, readonly string[]>()
  for (const { requiredAny } of requirements) {
    const key = JSON.stringify([...new Set(requiredAny)].sort(compareText))
    if (requiredAny.length > 0 && !groups.has(key)) groups.set(key, requiredAny)
  }
  return [...groups.values()]
}
