import type { Client } from 'pg'
import { canonicalControlId, compareControlIds, compareText, displayControlId } from '../rules/control-id.ts'
import { controlMatcher } from '../rules/control-pattern.ts'

/** What a result's `control_id` (a row of `controls`) is called. */
export type ControlName = {
  readonly id: number
  /** `AC-2.1`, whatever the row's spelling. */
  readonly control: string
  readonly catalog: string
  /** Position in the natural order of all controls: AC-2 before AC-10; the same one of two catalogs by catalog name. */
  readonly rank: number
}

type Named = Omit<ControlName, 'rank'> & { readonly key: string }

/** Every row of `controls` by id: some thousand short entries, read once instead of joined to millions of results. */
export async function listControlNames(client: Client): Promise<Map<number, ControlName>> {
  type Row = { id: number; control_id: string; catalog: string }
  const { rows } = await client.query<Row>(
    `SELECT c.id, c.control_id, k.name AS catalog FROM controls c JOIN catalogs k ON k.id = c.catalog_id`,
  )
  const named = rows.map(({ id, control_id: text, catalog }): Named => {
    const canonical = canonicalControlId(text)
    return {
      id,
      catalog,
      key: canonical ?? text.toLowerCase(),
      control: canonical === undefined ? text : displayControlId(canonical),
    }
  })
  named.sort((a, b) => compareControlIds(a.key, b.key) || compareText(a.catalog, b.catalog) || a.id - b.id)
  return new Map(named.map(({ id, control, catalog }, rank) => [id, { id, control, catalog, rank }]))
}

/**
 * The rows that `wanted` means: one control in any spelling, or a pattern with `*` and `?` over the usual one
 * (`AC-*`, `ac-2(*)`). Empty: no such control.
 */
export function matchControls(names: ReadonlyMap<number, ControlName>, wanted: string): number[] {
  const matches = controlMatcher(wanted)
  return [...names.values()].filter(({ control }) => matches(control.toLowerCase())).map(({ id }) => id)
}
