import { sha256Hex } from '../../common/sha256.ts'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import {
  canonicalControlId,
  compareControlIds,
  compareText,
  displayControlId,
  familyOf,
} from './control-id.ts'
import { NIST_800_53, coversFramework, isNist80053 } from './framework.ts'
import { orderByPrerequisites, requiredClosure } from './order.ts'
import type { Edge } from './order.ts'

/** The evidence that a control or a family needs: all of `requiredAll`, and one of `requiredAny` unless that is empty. */
export type Rule = {
  readonly title: string
  /** Evidence types in the order in which they are reported. */
  readonly requiredAll: readonly string[]
  readonly requiredAny: readonly string[]
  readonly remediation: string | null
  /** Name of the pack that the rule comes from. */
  readonly pack: string
}

/** A blocking one decides; an advisory one is only reported. */
export type Prerequisite = Edge & { readonly blocking: boolean; readonly pack: string }

/** One checked pack file. Control ids are as written: what they mean depends on the framework. */
export type RulePack = {
  readonly name: string
  readonly title: string
  readonly file: string
  /** Names of the frameworks that the pack is for (see framework.ts); `nist-800-53` is every revision of it. */
  readonly frameworks: readonly string[]
  /** Keyed by the family in upper case. */
  readonly families: ReadonlyMap<string, Rule>
  readonly controls: ReadonlyMap<string, Rule>
  readonly prerequisites: readonly Prerequisite[]
  /** A problem with the n-th prerequisite, placed where it stands in the file. */
  problemAtPrerequisite(index: number, message: string): Problem
}

/** The rules of one framework, from all packs that are for it. */
export type FrameworkRules = {
  readonly families: ReadonlyMap<string, Rule>
  /** The key is the canonical id. */
  readonly controls: ReadonlyMap<string, Rule>
  /** Ordered by control, then by what it requires: the order in which blockers are named. */
  readonly prerequisites: readonly Prerequisite[]
  /** The ids that prerequisites name, each after everything it requires. */
  readonly order: readonly string[]
}

/** All packs of a run, merged: plain data. */
export type RuleSet = {
  readonly packs: readonly string[]
  /** The key is the framework, in the order in which the packs name them. */
  readonly frameworks: ReadonlyMap<string, FrameworkRules>
  /** SHA-256 (hex) of everything that decides a status or is stored with it; excludes titles and pack names. */
  readonly digest: string
}

export type FoundRule = { readonly scope: 'control' | 'family'; readonly key: string; readonly rule: Rule }

/** The rules for controls of a framework; undefined when no pack is for it, and when the framework is not known. */
export function rulesFor(rules: RuleSet, framework: string | undefined): FrameworkRules | undefined {
  if (framework === undefined) return undefined
  return (
    rules.frameworks.get(framework) ??
    (isNist80053(framework) ? rules.frameworks.get(NIST_800_53) : undefined)
  )
}

/** The control's own rule, else its family's. An enhancement takes its family's, never its base control's own. */
export function findRule(rules: FrameworkRules, canonical: string): FoundRule | undefined {
  const own = rules.controls.get(canonical)
  if (own !== undefined) return { scope: 'control', key: displayControlId(canonical), rule: own }
  const key = familyOf(canonical)
  const rule = key === undefined ? undefined : rules.families.get(key)
  return key === undefined || rule === undefined ? undefined : { scope: 'family', key, rule }
}

/** Canonical ids of everything that the given controls depend on, directly or through others. */
export function prerequisiteClosure(rules: FrameworkRules, canonicalIds: Iterable<string>): Set<string> {
  return requiredClosure(rules.prerequisites, canonicalIds)
}

/**
 * Later packs add or replace rules per control and per family, and prerequisites per (control, requires), within each
 * framework. Throws an InputError when the prerequisites of all packs for one framework together form a cycle.
 */
export function mergePacks(packs: readonly RulePack[]): RuleSet {
  const names = new Set(packs.flatMap(({ frameworks }) => frameworks))
  const frameworks = new Map(
    [...names].map((name) => {
      const own = packs.filter((pack) => pack.frameworks.some((wide) => coversFramework(wide, name)))
      return [name, mergeFor(name, own)]
    }),
  )
  return { packs: packs.map(({ name }) => name), frameworks, digest: digestOf(frameworks) }
}

function mergeFor(framework: string, packs: readonly RulePack[]): FrameworkRules {
  const read = (id: string): string => canonicalControlId(id, framework) ?? id
  const edges = new Map<string, PlacedPrerequisite>()
  for (const pack of packs) {
    for (const [index, each] of pack.prerequisites.entries()) {
      const edge = { ...each, control: read(each.control), requires: read(each.requires) }
      edges.set(edgeKey(edge), { ...edge, source: pack, index })
    }
  }
  const placed = [...edges.values()].sort(
    (a, b) => compareControlIds(a.control, b.control) || compareControlIds(a.requires, b.requires),
  )
  const ordering = orderByPrerequisites(placed)
  if (ordering.cycle !== undefined) throw new InputError(cycleProblem(ordering.cycle, edges, packs))
  return {
    families: sortedMap(
      packs.flatMap((pack) => [...pack.families]),
      compareText,
    ),
    controls: sortedMap(
      packs.flatMap((pack) => [...pack.controls].map(([id, rule]): [string, Rule] => [read(id), rule])),
      compareControlIds,
    ),
    prerequisites: placed.map(({ control, requires, blocking, pack }) => ({
      control,
      requires,
      blocking,
      pack,
    })),
    order: ordering.order,
  }
}

type PlacedPrerequisite = Prerequisite & { readonly source: RulePack; readonly index: number }

function edgeKey({ control, requires }: Edge): string {
  return `${control} ${requires}`
}

/** Placed at the edge of the cycle that was added last: the packs before it loaded well. */
function cycleProblem(
  cycle: readonly string[],
  edges: ReadonlyMap<string, PlacedPrerequisite>,
  packs: readonly RulePack[],
): Problem {
  const message = `prerequisites form a cycle: ${cycle.map(displayControlId).join(' → ')}; remove one of these`
  const [last] = cycle
    .slice(1)
    .flatMap((requires, at) => edges.get(edgeKey({ control: cycle[at] ?? '', requires })) ?? [])
    .sort((a, b) => packs.indexOf(b.source) - packs.indexOf(a.source) || b.index - a.index)
  return last === undefined ? { message } : last.source.problemAtPrerequisite(last.index, message)
}

function sortedMap<T>(
  entries: readonly [string, T][],
  compare: (a: string, b: string) => number,
): Map<string, T> {
  return new Map([...new Map(entries)].sort(([a], [b]) => compare(a, b)))
}

function digestOf(frameworks: ReadonlyMap<string, FrameworkRules>): string {
  // Arrays of arrays: no key order to agree on. The number is the version of this form.
  const rule = ([key, { requiredAll, requiredAny, remediation }]: [string, Rule]): unknown => [
    key,
    requiredAll,
    requiredAny,
    remediation,
  ]
  const content = [...frameworks]
    .sort(([a], [b]) => compareText(a, b))
    .map(([framework, { families, controls, prerequisites }]) => [
      framework,
      [...families].map(rule),
      [...controls].map(rule),
      prerequisites.map(({ control, requires, blocking }) => [control, requires, blocking]),
    ])
  return sha256Hex(JSON.stringify([2, content]))
}
