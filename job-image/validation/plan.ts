import { canonicalControlId, compareText, displayControlId } from '../rules/control-id.ts'
import { findRule, prerequisiteClosure } from '../rules/rule-set.ts'
import type { FoundRule, Prerequisite, RuleSet } from '../rules/rule-set.ts'
import { invalidRequirements, noRule } from './messages.ts'
import type { ControlRow, Decision, Requirement } from './model.ts'

/** A rule with its evidence types as indexes into `ValidationPlan.types`. */
export type CompiledRule = {
  /** What `attributes.rule` says: `AC-2`, `family AC` or `database`. */
  readonly label: string
  readonly remediation: string | null
  readonly all: readonly number[]
  /** Each needs one type present: one group for a pack's rule, one for every requirements row of the database. */
  readonly groups: readonly (readonly number[])[]
  /** All of the above, each once, in the order in which they are reported. */
  readonly types: readonly number[]
}

/** A prerequisite, resolved: the node that answers it and the name to report. */
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
  /** Ordered by row id; `decideSystem` answers in this order. */
  readonly controls: readonly ControlRow[]
  /** The node of each control. */
  readonly nodeOf: readonly number[]
  /** Each after the nodes that it links to. */
  readonly nodes: readonly PlanNode[]
  readonly rules: readonly CompiledRule[]
  readonly types: readonly string[]
  readonly typeIndex: ReadonlyMap<string, number>
  /** Controls whose requirements in the database are unusable; their status is `unknown`. */
  readonly invalidControls: readonly InvalidControl[]
}

/**
 * Resolves rules and prerequisites once for a run. `others` are controls outside the selection: never decided for
 * themselves, but their requirements count where a selected control needs them, so that the answer does not depend
 * on what was selected (`prerequisiteClosure` says which ids to read).
 */
export function compilePlan(
  ruleSet: RuleSet,
  controls: readonly ControlRow[],
  others: readonly ControlRow[] = [],
): ValidationPlan {
  const selected = [...controls].sort((a, b) => a.id - b.id)
  const catalogs = groupByCatalog([...selected, ...others])
  const builder = new PlanBuilder(ruleSet)
  const nodesByCatalog = new Map<number, CatalogNodes>()
  for (const [catalogId, rows] of Map.groupBy(selected, (row) => row.catalogId)) {
    const nodes = prerequisiteNodes(builder, catalogs.get(catalogId) ?? new Map(), rows.map(idOf))
    nodesByCatalog.set(catalogId, nodes)
  }
  const nodeOf = selected.map((row) =>
    builder.nodeForRow(row, nodesByCatalog.get(row.catalogId) ?? new Map()),
  )
  const invalidControls = selected.flatMap((row) => {
    const message = problemOf(row)
    return message === undefined ? [] : [{ id: row.id, controlId: row.controlId, message }]
  })
  return { controls: selected, nodeOf, ...builder.finish(), invalidControls }
}

/** Canonical id → the row that stands for it in one catalog. */
type CatalogRows = Map<string, ControlRow>
/** Canonical id → node, for the ids that prerequisites name. */
type CatalogNodes = Map<string, number>

/** A catalog may hold a control twice: the row with the lowest id answers for it where another control needs it. */
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

/** The nodes that answer for everything the ids need: the catalog's own row, else what the rule set says of the id. */
function prerequisiteNodes(builder: PlanBuilder, rows: CatalogRows, ids: readonly string[]): CatalogNodes {
  const nodes: CatalogNodes = new Map()
  const needed = prerequisiteClosure(builder.ruleSet, ids)
  if (needed.size === 0) return nodes
  for (const id of builder.ruleSet.order) {
    if (!needed.has(id)) continue
    const row = rows.get(id)
    nodes.set(id, row === undefined ? builder.nodeForId(id, nodes) : builder.nodeForRow(row, nodes))
  }
  return nodes
}

/** An id that cannot be read has no rule and no prerequisites; it must not collide with one that can. */
function idOf(row: ControlRow): string {
  return canonicalControlId(row.controlId) ?? `?${row.controlId}`
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

const NO_RULE: PlanNode = { fixed: noRule() }

/** Collects nodes, rules and types, each distinct one once. */
class PlanBuilder {
  readonly ruleSet: RuleSet
  readonly #prerequisites: ReadonlyMap<string, readonly Prerequisite[]>
  readonly #nodes: PlanNode[] = []
  readonly #nodeIndex = new Map<string, number>()
  readonly #rules: CompiledRule[] = []
  readonly #ruleIndex = new Map<string, number>()
  readonly #types: string[] = []
  readonly #typeIndex = new Map<string, number>()

  constructor(ruleSet: RuleSet) {
    this.ruleSet = ruleSet
    this.#prerequisites = Map.groupBy(ruleSet.prerequisites, ({ control }) => control)
  }

  finish(): Pick<ValidationPlan, 'nodes' | 'rules' | 'types' | 'typeIndex'> {
    return { nodes: this.#nodes, rules: this.#rules, types: this.#types, typeIndex: this.#typeIndex }
  }

  nodeForRow(row: ControlRow, resolved: CatalogNodes): number {
    const problem = problemOf(row)
    if (problem !== undefined) return this.#fixedNode(problem)
    const id = idOf(row)
    if (row.requirements.length === 0) return this.nodeForId(id, resolved)
    const all = row.requirements.flatMap(({ requiredAll }) => requiredAll)
    return this.#node(
      id,
      this.#rule('database', row.remediation ?? null, all, anyGroups(row.requirements)),
      resolved,
    )
  }

  nodeForId(id: string, resolved: CatalogNodes): number {
    const found = findRule(this.ruleSet, id)
    // Without a rule nothing can be decided, whatever its prerequisites say: `unknown`, not `insufficient_evidence`.
    if (found === undefined) return this.#indexed(this.#nodes, this.#nodeIndex, 'none', () => NO_RULE)
    return this.#node(id, this.#packRule(found), resolved)
  }

  #fixedNode(message: string): number {
    const fixed: Decision = {
      status: 'unknown',
      message,
      evidenceKeys: [],
      remediation: 'Correct the rows of control_requirements for this control.',
      attributes: { rule: 'database' },
    }
    return this.#indexed(this.#nodes, this.#nodeIndex, `!${message}`, () => ({ fixed }))
  }

  #node(id: string, rule: number, resolved: CatalogNodes): number {
    const links = (blocking: boolean): Link[] =>
      (this.#prerequisites.get(id) ?? [])
        .filter((prerequisite) => prerequisite.blocking === blocking)
        .map(({ requires }) => ({ control: displayControlId(requires), node: linked(resolved, requires) }))
    const node = { rule, blocking: links(true), advisory: links(false) }
    return this.#indexed(this.#nodes, this.#nodeIndex, JSON.stringify(node), () => node)
  }

  #packRule({ scope, key, rule }: FoundRule): number {
    const groups = rule.requiredAny.length === 0 ? [] : [rule.requiredAny]
    return this.#rule(scope === 'family' ? `family ${key}` : key, rule.remediation, rule.requiredAll, groups)
  }

  #rule(
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

function linked(resolved: CatalogNodes, id: string): number {
  const node = resolved.get(id)
  if (node === undefined)
    throw new Error(`prerequisite ${id} was not resolved before the control that needs it`)
  return node
}

/** Every row must hold by itself, so each row's options are a group of their own; the same options twice are one. */
function anyGroups(requirements: readonly Requirement[]): (readonly string[])[] {
  const groups = new Map<string, readonly string[]>()
  for (const { requiredAny } of requirements) {
    const key = JSON.stringify([...new Set(requiredAny)].sort(compareText))
    if (requiredAny.length > 0 && !groups.has(key)) groups.set(key, requiredAny)
  }
  return [...groups.values()]
}
