import type { Client } from 'pg'
import { identifyStored, namesItself } from '../../oscal/identify.ts'
import type { TitledControl } from '../../oscal/identify.ts'
import { frameworkName, nameKey } from '../../rules/framework.ts'

/** A row of `catalogs` with what it is a catalog of. */
export type CatalogIdentity = {
  readonly id: number
  readonly name: string
  readonly title: string
  readonly version: string | null
  /** `catalogs.framework` as it is stored. */
  readonly text: string
  readonly baseline: string | null
  readonly oscal_path: string | null
  /** The framework as `frameworkName` spells it; undefined when it is not known. */
  readonly framework: string | undefined
  /** True if the configuration sets the framework. */
  readonly configured: boolean
}

/** The framework of a catalog by `nameKey` of its name, where the configuration names one. */
export type ConfiguredFrameworks = ReadonlyMap<string, string>

type Row = Omit<CatalogIdentity, 'framework' | 'configured'>

/**
 * Every catalog of the database, by the row's id. What the configuration says of a catalog overrides its row. Where a
 * row names no framework, the titles of its controls are read: RapidRMF's own rows say just "NIST".
 */
export async function listCatalogIdentities(
  client: Client,
  configured: ConfiguredFrameworks = new Map(),
): Promise<Map<number, CatalogIdentity>> {
  const { rows } = await client.query<Row>(
    'SELECT id, name, title, version, framework AS text, baseline, oscal_path FROM catalogs ORDER BY id',
  )
  const given = (row: Row): string | undefined => configured.get(nameKey(row.name))
  const open = rows.filter((row) => given(row) === undefined && !namesItself(row))
  const controls = await titledControls(
    client,
    open.map(({ id }) => id),
  )
  return new Map(
    rows.map((row) => {
      const name = given(row)
      const framework =
        name === undefined ? identifyStored(row, controls.get(row.id) ?? []) : frameworkName(name)
      return [row.id, { ...row, framework, configured: name !== undefined }]
    }),
  )
}

/** Ids and titles of the controls of some catalogs, by the catalog's row. */
export async function titledControls(
  client: Client,
  catalogIds: readonly number[],
): Promise<Map<number, TitledControl[]>> {
  if (catalogIds.length === 0) return new Map()
  type Titled = TitledControl & { readonly catalog_id: number }
  const { rows } = await client.query<Titled>(
    'SELECT catalog_id, control_id AS id, title FROM controls WHERE catalog_id = ANY ($1) ORDER BY id',
    [catalogIds],
  )
  return Map.groupBy(rows, ({ catalog_id }) => catalog_id)
}
