import type { MatchExpression, SystemSelector } from '../../crds/selection.ts'
import { compileGlob } from '../../common/glob.ts'
import { elementsOf, membersOf } from '../json-text.ts'

/** A system as a selector sees it. */
export type SelectableSystem = {
  readonly id: number
  readonly name: string
  /** JSON text as it is stored, which may be anything; undefined where no condition needs it. */
  readonly attributes?: string | undefined
}

export type Chosen<T> = {
  readonly chosen: readonly T[]
  /** Names and patterns that match nothing. */
  readonly unmatched: readonly string[]
  /** Text with the number of matches of each condition alone, for the message about an empty selection. */
  readonly tally: () => string
}

/** True if the selector needs the attributes of systems. */
export function needsAttributes({ matchLabels, matchExpressions }: SystemSelector): boolean {
  return matchLabels !== undefined || matchExpressions !== undefined
}

/** (include, or all) and labels and expressions, without exclude. */
export function chooseSystems<T extends SelectableSystem>(
  systems: readonly T[],
  selector: SystemSelector,
): Chosen<T> {
  const { include, exclude = [], matchLabels = {}, matchExpressions = [] } = selector
  const conditions: Condition<T>[] = [
    ...(include === undefined ? [] : [named('include', include)]),
    ...Object.entries(matchLabels).map(([key, value]) =>
      attribute<T>({ key, operator: 'In', values: [value] }),
    ),
    ...matchExpressions.map((expression) => attribute<T>(expression)),
  ]
  const excludes = exclude.length === 0 ? [] : [named<T>('exclude', exclude)]
  const attributes = new Map(systems.map((system) => [system, attributesOf(system)]))
  const holds = ({ test }: Condition<T>, system: T): boolean => test(system, attributes.get(system)!)
  return {
    chosen: systems.filter(
      (system) =>
        conditions.every((each) => holds(each, system)) && !excludes.some((each) => holds(each, system)),
    ),
    unmatched: (include ?? []).filter((pattern) => {
      const matches = compileGlob(pattern)
      return !systems.some(({ name }) => matches(name))
    }),
    tally: () =>
      [...conditions, ...excludes]
        .map((each) => `${each.label} ${systems.filter((system) => holds(each, system)).length}`)
        .join(', '),
  }
}

type Attributes = ReadonlyMap<string, readonly string[]>
type Condition<T> = {
  readonly label: string
  readonly test: (system: T, attributes: Attributes) => boolean
}

function named<T extends SelectableSystem>(label: string, patterns: readonly string[]): Condition<T> {
  const globs = patterns.map(compileGlob)
  return { label, test: ({ name }) => globs.some((matches) => matches(name)) }
}

function attribute<T>({ key, operator, values = [] }: MatchExpression): Condition<T> {
  const wanted = new Set(values)
  const has = (attributes: Attributes): boolean =>
    attributes.get(key)?.some((value) => wanted.has(value)) === true
  const test = {
    In: has,
    NotIn: (attributes: Attributes) => !has(attributes),
    Exists: (attributes: Attributes) => attributes.has(key),
    DoesNotExist: (attributes: Attributes) => !attributes.has(key),
  }[operator]
  return { label: `${key} ${operator}`, test: (_, attributes) => test(attributes) }
}

const NO_ATTRIBUTES: Attributes = new Map()

/** Top-level keys with the texts that they can be compared with: one, or one for each element. Null is no value. */
function attributesOf({ attributes }: SelectableSystem): Attributes {
  if (attributes === undefined) return NO_ATTRIBUTES
  const members = [...membersOf(attributes)].filter(([, json]) => json !== 'null')
  return new Map(members.map(([key, json]) => [key, textsOf(json)]))
}

function textsOf(json: string): string[] {
  const values = json.startsWith('[') ? elementsOf(json) : [json]
  return values.filter((value) => value !== 'null' && !/^[[{]/.test(value)).map(scalarText)
}

/** A number keeps its digits as they stand in the text: an account number has more of them than a double. */
function scalarText(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json
}
