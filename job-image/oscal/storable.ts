import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { storageProblem } from '../storable-text.ts'
import type { Import } from './import.ts'

/** Widths of the columns, in characters. A text without one is cut to its column's width (see fit.ts). */
const WIDTHS = {
  catalog: { name: 100, title: Infinity, version: Infinity, framework: 100, source: 500 },
  baseline: { name: 100, title: Infinity, version: Infinity, framework: 100, source: 500 },
  control: { controlId: 50, title: Infinity, family: Infinity },
} as const

/** These need not say anything. */
const MAY_BE_EMPTY = new Set(['title', 'version'])

const COLUMNS: Record<string, string> = { source: 'oscal_path', controlId: 'control_id' }

/** Refuses an import of which any value cannot be stored, before anything is written; all such values at once. */
export function refuseUnstorable(item: Import): void {
  const table = item.kind === 'catalog' ? 'catalogs' : 'baselines'
  const problems = unstorableValues(item, WIDTHS[item.kind]).map(({ key, problem }): Problem => {
    const column = item.kind === 'baseline' ? key : (COLUMNS[key] ?? key)
    const remedy = ['name', 'framework'].includes(key) ? `; give another one with --${key}` : ''
    return { file: item.source, message: `${key} does not fit ${table}.${column}: ${problem}${remedy}` }
  })
  const controls = item.kind === 'catalog' ? item.controls : []
  for (const control of controls) {
    for (const { key, problem } of unstorableValues(control, WIDTHS.control)) {
      const column = COLUMNS[key] ?? key
      const message = `control "${control.controlId}": its ${key} does not fit controls.${column}: ${problem}`
      problems.push({ file: item.source, message })
    }
  }
  if (problems.length > 0) throw new InputError(problems)
}

type UnstorableValue = { readonly key: string; readonly problem: string }

function unstorableValues(
  values: Readonly<Record<string, unknown>>,
  widths: Record<string, number>,
): UnstorableValue[] {
  return Object.entries(widths).flatMap(([key, width]) => {
    const value = values[key]
    const problem = typeof value === 'string' ? textProblem(value, width, MAY_BE_EMPTY.has(key)) : undefined
    return problem === undefined ? [] : [{ key, problem }]
  })
}

/** PostgreSQL counts characters, not UTF-16 units. */
function textProblem(text: string, width: number, mayBeEmpty: boolean): string | undefined {
  const problem = storageProblem(text)
  if (problem !== undefined) return `it holds ${problem}`
  if (text.trim() === '' && !mayBeEmpty) return 'it is empty'
  const length = text.length <= width ? text.length : Array.from(text).length
  return length > width ? `${length} characters, at most ${width} can be stored` : undefined
}
