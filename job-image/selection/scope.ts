import { sha256Hex } from '../../common/sha256.ts'
import { truncate } from '../../common/text.ts'
import { MAX_SCOPE_TEXT } from '../../crds/run-summary.ts'
import type { RunScope } from '../../crds/run-summary.ts'
import type { ControlSelector, MatchExpression, Selection, SystemSelector } from '../../crds/selection.ts'

/** The scope in a run's row. */
export type StoredScope = RunScope & { readonly selection: Selection }

/**
 * The scope of a normalized selection, for programs and for people; undefined where it restricts nothing. Whether an
 * empty scope is allowed is no part of the scope.
 */
export function scopeOfSelection(selection: Selection | undefined): StoredScope | undefined {
  const { systems, controls } = selection ?? {}
  if (selection === undefined || (systems === undefined && controls === undefined)) return undefined
  return { digest: digestOf({ systems, controls }), text: describeSelection(selection), selection }
}

/**
 * The scope of a planned run that names a baseline, undefined for others: theirs stays. A baseline may have other
 * members after an import, under the same name: then the digest is another one. `chosen` is the digest of the controls.
 */
export function scopeOfBaseline(
  selection: Selection | undefined,
  chosen: string | undefined,
): StoredScope | undefined {
  const scope = scopeOfSelection(selection)
  if (scope?.selection.controls?.baseline === undefined) return undefined
  return { ...scope, digest: digestOf([scope.digest, chosen]) }
}

/** Reads the scope of a run's row; undefined without a selection, or for a value of another program. */
export function storedScope(attributes: Readonly<Record<string, unknown>> | null): StoredScope | undefined {
  const scope = attributes?.['scope'] as Partial<StoredScope> | null | undefined
  if (typeof scope?.digest !== 'string' || typeof scope.text !== 'string') return undefined
  return { digest: scope.digest, text: scope.text, selection: scope.selection ?? {} }
}

/** One line for people, of bounded length: `systems pay* (tier=1) except pay-test; controls AC-*, family AU`. */
export function describeSelection({ systems, controls }: Selection): string {
  const parts = [systems && describeSystems(systems), controls && describeControls(controls)]
  const text = parts
    .filter((part) => part !== undefined)
    .join('; ')
    .replaceAll(/\p{Cc}/gu, ' ')
  return truncate(text, MAX_SCOPE_TEXT)
}

function describeSystems({ include, exclude, matchLabels, matchExpressions }: SystemSelector): string {
  const conditions = [
    ...Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(matchExpressions ?? []).map(describeExpression),
  ]
  return [
    include === undefined ? 'all systems' : `systems ${include.join(', ')}`,
    conditions.length === 0 ? '' : ` (${conditions.join(', ')})`,
    exclude === undefined ? '' : ` except ${exclude.join(', ')}`,
  ].join('')
}

function describeExpression({ key, operator, values = [] }: MatchExpression): string {
  const names = { In: 'in', NotIn: 'not in', Exists: 'exists', DoesNotExist: 'does not exist' }
  return [key, names[operator], values.join('|')].filter((word) => word !== '').join(' ')
}

function describeControls({ include, exclude, families, baseline, framework }: ControlSelector): string {
  const wanted = [...(include ?? []), ...(families ?? []).map((family) => `family ${family}`)]
  return [
    wanted.length === 0 ? 'all controls' : `controls ${wanted.join(', ')}`,
    framework === undefined ? '' : ` of ${framework}`,
    baseline === undefined ? '' : ` in baseline ${baseline}`,
    exclude === undefined ? '' : ` except ${exclude.join(', ')}`,
  ].join('')
}

/** Digest of a value as JSON; its keys stand in the order in which `normalizeSelection` puts them. */
function digestOf(value: unknown): string {
  return sha256Hex(JSON.stringify(value))
}
