import { defined } from '../../common/defined.ts'
import { canonicalControlId, formerControlId } from '../rules/control-id.ts'
import type { ChangeCounts, WantedControl } from './import.ts'

/** A row of `controls`; its `attributes` may have any form that another program stored. */
export type StoredControlRow = {
  readonly id: number
  readonly control_id: string
  readonly title: string
  readonly family: string
  readonly attributes: unknown
}

/** New values of one row. Of its attributes only `set` and `drop` are touched: the others are not ours. */
export type RowUpdate = {
  readonly id: number
  readonly control_id: string
  readonly title: string
  readonly family: string
  readonly set: Readonly<Record<string, unknown>>
  readonly drop: readonly string[]
}

export type ControlChanges = {
  readonly inserts: readonly WantedControl[]
  readonly updates: readonly RowUpdate[]
  readonly counts: ChangeCounts
  readonly removedIds: readonly string[]
  /** Number of controls of the catalog that were not marked as removed. */
  readonly live: number
}

type Options = {
  /** The framework of the catalog, in which ids are read. */
  readonly framework: string
  readonly markRemoved: boolean
}

/**
 * What makes a catalog's rows equal to `wanted`. Rows are matched by canonical id, all rows of one control alike; a
 * row in the spelling of earlier releases (`ISM-445`) is renamed to the published one (`ISM-0445`), which keeps its
 * results. A row without a wanted control is marked as removed (results refer to it), and unmarked when it returns.
 */
export function planControls(
  wanted: readonly WantedControl[],
  rows: readonly StoredControlRow[],
  { framework, markRemoved }: Options,
): ControlChanges {
  const rowsById = Map.groupBy(rows, (row) => canonicalControlId(row.control_id, framework) ?? row.control_id)
  const live = [...rowsById.values()].filter((own) => own.some(isLive)).length
  const published = new Set(wanted.map(({ canonical }) => canonical))
  const inserts: WantedControl[] = []
  const updates: RowUpdate[] = []
  let changed = 0
  for (const control of wanted) {
    const former = formerControlId(control.canonical)
    const isRenamed = !rowsById.has(control.canonical) && !published.has(former)
    const key = isRenamed ? former : control.canonical
    const own = rowsById.get(key) ?? []
    const needed = own.flatMap((row) => updateOf(row, control) ?? [])
    if (own.length === 0) inserts.push(control)
    if (needed.length > 0) changed += 1
    updates.push(...needed)
    rowsById.delete(key)
  }
  const gone = markRemoved ? removals([...rowsById.values()]) : []
  const counts = {
    added: inserts.length,
    changed,
    removed: gone.length,
    unchanged: wanted.length - inserts.length - changed,
  }
  return {
    inserts,
    updates: [...updates, ...gone.flatMap((each) => each.updates)],
    counts,
    removedIds: gone.map(({ controlId }) => controlId),
    live,
  }
}

/** True if so many controls are removed that the document is probably another catalog, not a new edition. */
export function removesMany({ removedIds, live }: Pick<ControlChanges, 'removedIds' | 'live'>): boolean {
  return removedIds.length * 10 > live
}

/** Attributes that say what a column cannot hold all of. */
export const FULL_TEXTS = ['full_title', 'full_family']

/** The marks of a new row. */
export function newAttributes({ withdrawn, parent, fullTexts }: WantedControl): Record<string, unknown> {
  return defined({ withdrawn: withdrawn ? true : undefined, parent, ...fullTexts })
}

function updateOf(row: StoredControlRow, wanted: WantedControl): RowUpdate | undefined {
  const has = attributesOf(row)
  // A row that says nothing of `withdrawn` and need not is left so; a mark that is wrong is answered by "false".
  const withdrawn = wanted.withdrawn || (has['withdrawn'] === undefined ? undefined : false)
  const target = defined({ ...newAttributes(wanted), withdrawn })
  const set = Object.fromEntries(Object.entries(target).filter(([key, value]) => has[key] !== value))
  const drop = ['removed', 'parent', ...FULL_TEXTS].filter(
    (key) => Object.hasOwn(has, key) && !Object.hasOwn(target, key),
  )
  const { controlId: control_id, title, family } = wanted
  const same = row.control_id === control_id && row.title === title && row.family === family
  if (same && drop.length === 0 && Object.keys(set).length === 0) return undefined
  return { id: row.id, control_id, title, family, set, drop }
}

function removals(groups: readonly StoredControlRow[][]): { controlId: string; updates: RowUpdate[] }[] {
  return groups.flatMap((rows) => {
    const unmarked = rows.filter(isLive)
    const [first] = unmarked
    if (first === undefined) return []
    const updates = unmarked.map(({ id, control_id, title, family }) => ({
      id,
      control_id,
      title,
      family,
      set: { removed: true },
      drop: [],
    }))
    return [{ controlId: first.control_id, updates }]
  })
}

function isLive(row: StoredControlRow): boolean {
  return attributesOf(row)['removed'] !== true
}

function attributesOf({ attributes }: StoredControlRow): Readonly<Record<string, unknown>> {
  const isObject = typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes)
  return isObject ? (attributes as Record<string, unknown>) : {}
}
