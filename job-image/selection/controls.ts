import type { ControlSelector } from '../../crds/selection.ts'
import { canonicalControlId, familyOf } from '../rules/control-id.ts'
import { controlMatcher } from '../rules/control-pattern.ts'
import type { Chosen } from './systems.ts'

/** A control as a selector sees it. */
export type SelectableControl = {
  readonly id: number
  /** As stored, in any spelling. */
  readonly controlId: string
  /** As stored: counts for ids that do not begin with their family. */
  readonly family: string
}

/** (include and families, or all), of these the baseline's, without exclude. The selector is a normalized one. */
export function chooseControls<T extends SelectableControl>(
  controls: readonly T[],
  { include = [], exclude = [], families = [], baseline }: ControlSelector,
  /** Canonical ids of the baseline. */
  members: ReadonlySet<string> | undefined,
): Chosen<T> {
  const ids = new Map(controls.map((row) => [row, idOf(row)]))
  const has = (row: T, matchers: readonly ((id: string) => boolean)[]): boolean =>
    matchers.some((matches) => matches(ids.get(row)!))
  const included = include.map(controlMatcher)
  const excluded = exclude.map(controlMatcher)
  const isAll = include.length + families.length === 0
  const isWanted = (row: T): boolean => isAll || has(row, included) || families.includes(familyName(row))
  const isMember = (row: T): boolean => members?.has(ids.get(row)!) ?? true
  const isExcluded = (row: T): boolean => has(row, excluded)
  return {
    chosen: controls.filter((row) => isWanted(row) && isMember(row) && !isExcluded(row)),
    unmatched: [
      ...include.filter((_, index) => !controls.some((row) => included[index]!(ids.get(row)!))),
      ...families
        .filter((family) => !controls.some((row) => familyName(row) === family))
        .map((family) => `family ${family}`),
    ],
    tally: () =>
      [
        ...(isAll ? [] : [`include and families ${controls.filter(isWanted).length}`]),
        ...(baseline === undefined ? [] : [`baseline ${baseline} ${controls.filter(isMember).length}`]),
        ...(exclude.length === 0 ? [] : [`exclude ${controls.filter(isExcluded).length}`]),
      ].join(', '),
  }
}

function idOf({ controlId }: SelectableControl): string {
  return canonicalControlId(controlId) ?? controlId.toLowerCase()
}

function familyName({ controlId, family }: SelectableControl): string {
  return familyOf(canonicalControlId(controlId) ?? '') ?? family.trim().toUpperCase()
}
