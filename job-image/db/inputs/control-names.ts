import type { Client } from 'pg'
import { canonicalControlId, compareControlIds, compareText, shownControlId } from '../../rules/control-id.ts'
import { comparableId, controlMatcher } from '../../rules/control-pattern.ts'
import { listCatalogIdentities } from './catalog-identities.ts'

/** The name of a result's `control_id` (a row of `controls`). */
export type ControlName = {
  readonly id: number
  /** The normalized id, such as `AC-2.1`. */
  readonly control: string
  readonly catalog: string
  /** That of its catalog; undefined when it is not known. */
  readonly framework: string | undefined
  /** Position in the natural order of all controls: AC-2 before AC-10; the same one of two catalogs by catalog name. */
  readonly rank: number
}

type Named = Omit<ControlName, 'rank'> & { readonly key: string }

/** Every row of `controls` by id: some thousand short entries, read once instead of joined to millions of results. */
export async function listControlNames(client: Client): Promise<Map<number, ControlName>> {
  type Row = { id: number; control_id: string; catalog_id: number }
  const catalogs = await listCatalogIdentities(client)
  const { rows } = await client.query<Row>('SELECT id, control_id, catalog_id FROM controls')
  const named = rows.map(({ id, control_id: text, catalog_id }): Named => {
    const { name: catalog = '', framework } = catalogs.get(catalog_id) ?? {}
    const canonical = canonicalControlId(text, framework)
    return {
      id,
      catalog,
      framework,
      key: canonical ?? text.toLowerCase(),
      control: shownControlId(text, canonical),
    }
  })
  named.sort((a, b) => compareControlIds(a.key, b.key) || compareText(a.catalog, b.catalog) || a.id - b.id)
  return new Map(
    named.map(({ id, control, catalog, framework }, rank) => [id, { id, control, catalog, framework, rank }]),
  )
}

/**
 * The rows that `wanted` means: one control, or a pattern with `*` and `?` (`AC-*`, `ac-2(*)`), in every framework.
 * Empty: no such control.
 */
export function matchControls(names: ReadonlyMap<number, ControlName>, wanted: string): number[] {
  const matches = controlMatcher(wanted)
  return [...names.values()]
    .filter(({ control, framework }) => matches(comparableId(control, framework)))
    .map(({ id }) => id)
}
