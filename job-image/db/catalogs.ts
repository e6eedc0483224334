import type { Client } from 'pg'
import { InputError } from '../errors.ts'
import { newAttributes, planControls } from '../oscal/changes.ts'
import type { ControlChanges, StoredControlRow } from '../oscal/changes.ts'
import { canonicalFramework, nameKey } from '../oscal/framework.ts'
import type { CatalogImport, ImportReport } from '../oscal/import.ts'
import { withMembers } from '../json-text.ts'
import { marksText, readMarks } from './control-marks.ts'

/** One catalog with the counts of its controls (rows with different ids; active = neither withdrawn nor removed). */
export type CatalogSummary = {
  readonly name: string
  readonly title: string
  readonly version: string | null
  readonly framework: string
  readonly baseline: string | null
  readonly source: string | null
  readonly loadedAt: string | null
  readonly controls: number
  readonly active: number
  readonly withdrawn: number
  readonly removed: number
}

type CatalogRow = {
  readonly id: number
  readonly name: string
  readonly title: string
  readonly version: string | null
  readonly framework: string
  readonly baseline: string | null
  readonly oscal_path: string | null
}

/** Any number that no other program's advisory lock is likely to have: "rmfcat" in ASCII. */
const IMPORT_LOCK = 0x726d66636174

/** Held to the end of the transaction: two imports at once would both find a control missing and add it twice. */
export async function lockImports(client: Client): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [IMPORT_LOCK])
}

/** Makes the stored catalog equal to `wanted`, within the caller's transaction. */
export async function storeCatalog(client: Client, wanted: CatalogImport): Promise<ImportReport> {
  const row = await findCatalog(client, wanted)
  const details = detailsOf(wanted, row)
  const catalogId = row?.id ?? (await insertCatalog(client, wanted))
  const rows = await lockControls(client, catalogId)
  const changes = planControls(wanted.controls, rows, { markRemoved: wanted.authoritative })
  await insertControls(client, catalogId, changes)
  await updateControls(client, changes, rows)
  if (row !== undefined && (changes.inserts.length + changes.updates.length > 0 || differs(row, details))) {
    await updateCatalog(client, catalogId, details)
  }
  return {
    kind: 'catalog',
    name: row?.name ?? wanted.name,
    title: details.title,
    version: details.version,
    framework: row?.framework ?? wanted.framework,
    source: wanted.source,
    controls: wanted.controls.length,
    withdrawn: wanted.controls.filter(({ withdrawn }) => withdrawn).length,
    ...changes.counts,
    removedIds: changes.removedIds,
    missing: [],
  }
}

/**
 * The row that holds this catalog already: the one of the same name, else the one of the same framework. Rows that
 * RapidRMF made for one baseline of a framework are left alone.
 */
async function findCatalog(client: Client, wanted: CatalogImport): Promise<CatalogRow | undefined> {
  const { rows } = await client.query<CatalogRow>(
    'SELECT id, name, title, version, framework, baseline, oscal_path FROM catalogs ORDER BY id',
  )
  const named = rows.find(({ name }) => nameKey(name) === nameKey(wanted.name))
  if (named !== undefined && named.baseline === null) {
    refuseOtherRevision(named, wanted)
    return named
  }
  const sameFramework = wanted.whole
    ? rows.find((row) => row.baseline === null && canonicalFramework(row.framework) === wanted.framework)
    : undefined
  if (sameFramework === undefined && named !== undefined) {
    throw new InputError({
      file: wanted.source,
      message: `the name "${named.name}" belongs to a catalog of the baseline ${named.baseline} alone; give another one with --name`,
    })
  }
  return sameFramework
}

/** One edition's controls over another's would mark half of them as removed. */
function refuseOtherRevision(row: CatalogRow, { framework, source }: CatalogImport): void {
  const stored = canonicalFramework(row.framework)
  const isRevision = (name: string): boolean => /^nist-800-53-rev\d$/.test(name)
  if (!isRevision(stored) || !isRevision(framework) || stored === framework) return
  throw new InputError({
    file: source,
    message: `this is ${framework}, but the catalog "${row.name}" holds ${stored}; give another name with --name`,
  })
}

type Details = { readonly title: string; readonly version: string | null; readonly oscal_path: string | null }

function detailsOf(wanted: CatalogImport, row: CatalogRow | undefined): Details {
  const fromElsewhere = row !== undefined && row.oscal_path !== null && row.oscal_path !== wanted.source
  if (fromElsewhere && !wanted.authoritative) return row
  return { title: wanted.title, version: wanted.version, oscal_path: wanted.source }
}

function differs(row: CatalogRow, { title, version, oscal_path }: Details): boolean {
  return row.title !== title || row.version !== version || row.oscal_path !== oscal_path
}

async function insertCatalog(client: Client, wanted: CatalogImport): Promise<number> {
  const { name, title, version, framework, source } = wanted
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO catalogs (name, title, version, framework, oscal_path, loaded_at, attributes)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() AT TIME ZONE 'UTC', '{}') RETURNING id`,
    [name, title, version, framework, source],
  )
  const [row] = rows
  if (row === undefined) throw new Error('INSERT INTO catalogs returned no row')
  return row.id
}

async function updateCatalog(client: Client, id: number, details: Details): Promise<void> {
  const { title, version, oscal_path } = details
  await client.query(
    `UPDATE catalogs SET title = $2, version = $3, oscal_path = $4,
            loaded_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = $1`,
    [id, title, version, oscal_path],
  )
}

type LockedControl = StoredControlRow & { readonly json: string }

/** Locked against other writers: attributes are edited here, and nothing that is written meanwhile may be lost. */
async function lockControls(client: Client, catalogId: number): Promise<LockedControl[]> {
  const { rows } = await client.query<Omit<LockedControl, 'attributes'>>(
    `SELECT id, control_id, title, family, attributes::text AS json
       FROM controls WHERE catalog_id = $1 ORDER BY id FOR NO KEY UPDATE`,
    [catalogId],
  )
  return rows.map((row) => ({ ...row, attributes: JSON.parse(row.json) as unknown }))
}

async function insertControls(client: Client, catalogId: number, { inserts }: ControlChanges): Promise<void> {
  if (inserts.length === 0) return
  await client.query(
    `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
     SELECT $1, control_id, title, family, attributes::json
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
            WITH ORDINALITY AS w (control_id, title, family, attributes, position)
      ORDER BY position`,
    [
      catalogId,
      inserts.map(({ controlId }) => controlId),
      inserts.map(({ title }) => title),
      inserts.map(({ family }) => family),
      inserts.map((control) => JSON.stringify(newAttributes(control))),
    ],
  )
}

/** Attributes keep the very text of every member that is not ours; all of it where nothing of ours changes. */
async function updateControls(
  client: Client,
  { updates }: ControlChanges,
  rows: readonly LockedControl[],
): Promise<void> {
  if (updates.length === 0) return
  const json = new Map(rows.map((row) => [row.id, row.json]))
  await client.query(
    `UPDATE controls c
        SET control_id = u.control_id, title = u.title, family = u.family,
            attributes = coalesce(u.attributes, c.attributes::text)::json
       FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[])
            AS u (id, control_id, title, family, attributes)
      WHERE c.id = u.id`,
    [
      updates.map(({ id }) => id),
      updates.map(({ control_id }) => control_id),
      updates.map(({ title }) => title),
      updates.map(({ family }) => family),
      updates.map(({ id, set, drop }) => {
        const same = Object.keys(set).length + drop.length === 0
        return same ? null : withMembers(json.get(id) ?? '{}', { set, drop })
      }),
    ],
  )
}

/** The catalogs of the database, by name. */
export async function listCatalogs(client: Client): Promise<CatalogSummary[]> {
  const { rows: catalogs } = await client.query<Omit<CatalogSummary, keyof Counts> & { id: number }>(`
    SELECT id, name, title, version, framework, baseline, oscal_path AS source,
           to_char(loaded_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "loadedAt"
      FROM catalogs ORDER BY name`)
  const { rows } = await client.query<CountedRow>(
    `SELECT catalog_id, control_id, ${marksText('attributes')} AS marks FROM controls`,
  )
  const controls = Map.groupBy(rows, (row) => row.catalog_id)
  return catalogs.map(({ id, ...catalog }) => ({ ...catalog, ...countsOf(controls.get(id) ?? []) }))
}

type Counts = Pick<CatalogSummary, 'controls' | 'active' | 'withdrawn' | 'removed'>
type CountedRow = { catalog_id: number; control_id: string; marks: string | null }

function countsOf(rows: readonly CountedRow[]): Counts {
  const marked = rows.map(({ control_id: id, marks }) => ({ id, ...readMarks(marks) }))
  const count = (some: typeof marked): number => new Set(some.map(({ id }) => id)).size
  return {
    controls: count(marked),
    active: count(marked.filter(({ withdrawn, removed }) => withdrawn !== true && !removed)),
    withdrawn: count(marked.filter(({ withdrawn }) => withdrawn === true)),
    removed: count(marked.filter(({ removed }) => removed)),
  }
}
