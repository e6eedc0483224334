import type { FrameworkRules, Prerequisite, Rule, RuleSet } from '../../job-image/rules/rule-set.ts'
import type { ControlRow, EvidenceRow, Status } from '../../job-image/validation/model.ts'

/*
 * A second implementation of the specification, as plain as possible: nothing is compiled, shared, ordered or cached.
 * It imports types only, so that a mistake in the real look-up or decision cannot hide in both.
 */

export type NaiveDecision = {
  status: Status
  evidenceKeys: string[]
  attributes: Record<string, unknown>
}

export type World = {
  rules: Pick<RuleSet, 'frameworks'>
  /** All rows, in scope or not. */
  rows: readonly ControlRow[]
  evidence: readonly EvidenceRow[]
  referenceTime: number
}

export function naiveDecision(world: World, row: ControlRow): NaiveDecision {
  return decide(world, row, naiveId(row), row)
}

/**
 * Canonicalizes an id: 'AC-02 (01)' → 'ac-2.1', the letters, then the numbers without leading zeros. Other shapes, and all
 * ids of other frameworks, are only put into lower case.
 */
function naiveId({ controlId: text, framework }: ControlRow): string {
  if (!isNist(framework)) return text.replaceAll(' ', '').toLowerCase()
  const parts = text.toLowerCase().match(/[a-z]+|\d+/g) ?? []
  const [letters, number, enhancement] = parts
  if (!/^\s*[a-z]+-\d/i.test(text)) return text.trim().toLowerCase()
  return `${letters}-${Number(number)}${enhancement === undefined ? '' : `.${Number(enhancement)}`}`
}

function isNist(framework: string | undefined): boolean {
  return /^nist-800-53(-rev\d)?$/.test(framework ?? '')
}

/** The rules for the framework of a row's catalog: none if it is unknown or no pack supports it. */
function rulesOf(world: World, { framework }: ControlRow): FrameworkRules | undefined {
  if (framework === undefined) return undefined
  const general = isNist(framework) ? world.rules.frameworks.get('nist-800-53') : undefined
  return world.rules.frameworks.get(framework) ?? general
}

type Needs = { label: string; all: string[]; groups: string[][] }

/** Decides a control. `asked` is the control of the result: its catalog counts, also for prerequisites without a row. */
function decide(world: World, asked: ControlRow, id: string, row: ControlRow | undefined): NaiveDecision {
  if (row !== undefined && isUnusable(row)) return unknown({ rule: 'database' })
  const rules = rulesOf(world, asked)
  const needs = needsOf(rules, id, row)
  if (needs === undefined) return unknown({})
  const prerequisites = (rules?.prerequisites ?? []).filter(({ control }) => control === id)
  const unmet = (blocking: boolean): string[] =>
    prerequisites
      .filter((prerequisite) => prerequisite.blocking === blocking)
      .filter((prerequisite) => prerequisiteStatus(world, asked, prerequisite) !== 'pass')
      .map(({ requires }) => requires.toUpperCase())
      .sort()
  const types = unique([...needs.all, ...needs.groups.flat()])
  const attributes: Record<string, unknown> = { rule: needs.label }
  const note = (name: string, list: readonly unknown[]): void => {
    if (list.length > 0) attributes[name] = list
  }
  const isPresent = (type: string): boolean => newest(world, type) !== undefined
  note(
    'expired',
    types.filter((type) => !isPresent(type) && world.evidence.some((each) => each.type === type)),
  )
  note(
    'future',
    types.filter((type) => (newest(world, type)?.collectedAt ?? -Infinity) > world.referenceTime),
  )
  note('advisory', unmet(false))
  const insufficient = (): NaiveDecision => ({
    status: 'insufficient_evidence',
    evidenceKeys: [],
    attributes,
  })

  const blockers = unmet(true)
  if (blockers.length > 0) {
    note('blocked_by', blockers)
    return insufficient()
  }
  const absent = needs.all.filter((type) => !isPresent(type))
  if (absent.length > 0) {
    note(
      'missing',
      absent.filter((type) => !world.evidence.some((each) => each.type === type)),
    )
    return insufficient()
  }
  const emptyGroups = needs.groups.filter((group) => !group.some(isPresent))
  if (emptyGroups.length > 0) {
    note('missing_any', emptyGroups)
    return insufficient()
  }
  const keys = types.flatMap((type) => newest(world, type)?.key ?? [])
  return { status: 'pass', evidenceKeys: unique(keys), attributes }
}

function prerequisiteStatus(world: World, asked: ControlRow, { requires }: Prerequisite): Status {
  const candidates = world.rows.filter(
    (row) => row.catalogId === asked.catalogId && naiveId(row) === requires,
  )
  const lowest = Math.min(...candidates.map(({ id }) => id))
  return decide(
    world,
    asked,
    requires,
    candidates.find(({ id }) => id === lowest),
  ).status
}

function isUnusable({ problem, requirements }: ControlRow): boolean {
  if (problem !== undefined) return true
  return requirements.some(
    ({ requiredAll, requiredAny }) => requiredAll.length === 0 && requiredAny.length === 0,
  )
}

function needsOf(
  rules: FrameworkRules | undefined,
  id: string,
  row: ControlRow | undefined,
): Needs | undefined {
  if (row !== undefined && row.requirements.length > 0) {
    const groups = row.requirements
      .map(({ requiredAny }) => unique(requiredAny))
      .filter(({ length }) => length > 0)
    const firstOf = (group: string[]): number => groups.findIndex((other) => sameMembers(other, group))
    return {
      label: 'database',
      all: unique(row.requirements.flatMap(({ requiredAll }) => requiredAll)),
      groups: groups.filter((group, index) => firstOf(group) === index),
    }
  }
  if (rules === undefined) return undefined
  const own = rules.controls.get(id)
  if (own !== undefined) return fromRule(id.toUpperCase(), own)
  const letters = id.match(/^[a-z]+(?=-)/)?.[0]?.toUpperCase() ?? ''
  const ofFamily = rules.families.get(letters)
  return ofFamily === undefined ? undefined : fromRule(`family ${letters}`, ofFamily)
}

function fromRule(label: string, { requiredAll, requiredAny }: Rule): Needs {
  return { label, all: [...requiredAll], groups: requiredAny.length === 0 ? [] : [[...requiredAny]] }
}

function newest({ evidence, referenceTime }: World, type: string): EvidenceRow | undefined {
  const valid = evidence
    .filter((row) => row.type === type)
    .filter(({ expiresAt }) => expiresAt === null || expiresAt > referenceTime)
  const latest = Math.max(...valid.map(({ collectedAt }) => collectedAt))
  const ofThatMoment = valid.filter(({ collectedAt }) => collectedAt === latest)
  const firstKey = ofThatMoment.map(({ key }) => key).sort(byCodePoint)[0]
  return ofThatMoment.find(({ key }) => key === firstKey)
}

function byCodePoint(a: string, b: string): number {
  const points = Array.from(a, (each) => each.codePointAt(0)!)
  const others = Array.from(b, (each) => each.codePointAt(0)!)
  const index = points.findIndex((point, at) => point !== others[at])
  return index < 0 ? points.length - others.length : points[index]! - (others[index] ?? -1)
}

function unknown(attributes: Record<string, unknown>): NaiveDecision {
  return { status: 'unknown', evidenceKeys: [], attributes }
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)]
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each))
}
