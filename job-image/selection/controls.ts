import type { ControlSelector } from '../../crds/selection.ts'
import { canonicalControlId, familyOf, suggestId } from '../rules/control-id.ts'
import { comparableId, controlMatcher } from '../rules/control-pattern.ts'
import { coversFramework } from '../rules/framework.ts'
import type { Chosen } from './systems.ts'

/** A control as a selector sees it. */
export type SelectableControl = {
  readonly id: number
  /** The stored id, in any spelling. */
  readonly controlId: string
  /** That of its catalog; undefined when it is not known. */
  readonly framework: string | undefined
  readonly catalogId: number
  /** The stored family; needed for ids that do not start with it. */
  readonly family: string
}

/** The inputs of a choice besides selector and controls. */
export type ChoiceContext = {
  /** The members of the selector's baseline; undefined when it names none. */
  readonly members?: ReadonlySet<SelectableControl> | undefined
  /** True if there are rules for a framework. */
  readonly hasRules: (framework: string | undefined) => boolean
}

export type ChosenControls<T> = Chosen<T> & {
  /**
   * Ids, patterns and families that mean controls of several frameworks, with the controls that were left out: those
   * of frameworks without rules.
   */
  readonly namesakes: readonly { readonly text: string; readonly controls: readonly T[] }[]
}

/**
 * (include and families, or all), of these the framework's and the baseline's, without exclude. The selector is a
 * normalized one. Where neither framework nor baseline is named, an id that is a control of several frameworks means
 * the one that rules are for.
 */
export function chooseControls<T extends SelectableControl>(
  controls: readonly T[],
  { include = [], exclude = [], families = [], baseline, framework }: ControlSelector,
  { members, hasRules }: ChoiceContext,
): ChosenControls<T> {
  const ofFramework =
    framework === undefined ? controls : controls.filter((row) => coversFramework(framework, row.framework))
  const isOpen = framework === undefined && baseline === undefined
  const meant = (text: string, matches: (row: T) => boolean): Meant<T> => {
    const found = ofFramework.filter(matches)
    const ruled = found.filter((row) => hasRules(row.framework))
    const isNarrowed = isOpen && ruled.length > 0 && !/^[*?]/.test(text)
    if (!isNarrowed) return { text, controls: found, others: [] }
    return { text, controls: ruled, others: found.filter((row) => !hasRules(row.framework)) }
  }
  const ids = new Map(ofFramework.map((row) => [row, comparableId(row.controlId, row.framework)]))
  const byPattern = (text: string): Meant<T> => {
    const matches = controlMatcher(text)
    return meant(text, (row) => matches(ids.get(row)!))
  }
  const byFamily = (family: string): Meant<T> =>
    meant(`family ${family}`, (row) => familyName(row) === family)
  const wanted = [...include.map(byPattern), ...families.map(byFamily)]
  const excluded = exclude.map(byPattern)
  const isAll = wanted.length === 0
  const included = new Set(isAll ? ofFramework : wanted.flatMap((each) => each.controls))
  const out = new Set(excluded.flatMap((each) => each.controls))
  return {
    chosen: controls.filter((row) => included.has(row) && !out.has(row) && (members?.has(row) ?? true)),
    unmatched: withSuggestions(
      wanted.filter((each) => each.controls.length === 0).map(({ text }) => text),
      ofFramework,
    ),
    namesakes: [...wanted, ...excluded]
      .filter(({ others }) => others.length > 0)
      .map(({ text, others }) => ({ text, controls: others })),
    tally: () =>
      [
        ...(isAll ? [] : [`include and families ${included.size}`]),
        ...(framework === undefined ? [] : [`framework ${framework} ${ofFramework.length}`]),
        ...(baseline === undefined ? [] : [`baseline ${baseline} ${members?.size ?? 0}`]),
        ...(exclude.length === 0 ? [] : [`exclude ${out.size}`]),
      ].join(', '),
  }
}

/** The controls that an id, a pattern or a family matches. */
type Meant<T> = {
  readonly text: string
  readonly controls: readonly T[]
  /** Namesakes in frameworks without rules, left out. */
  readonly others: readonly T[]
}

/** "ISM-445 (did you mean ISM-0445?)" */
function withSuggestions(texts: readonly string[], controls: readonly SelectableControl[]): string[] {
  if (texts.length === 0) return []
  const suggest = suggestId(controls.map(({ controlId }) => controlId))
  return texts.map((text) => {
    const meant = suggest(text)
    return meant === undefined ? text : `${text} (did you mean ${meant}?)`
  })
}

function familyName({ controlId, framework, family }: SelectableControl): string {
  return familyOf(canonicalControlId(controlId, framework) ?? '') ?? family.trim().toUpperCase()
}
