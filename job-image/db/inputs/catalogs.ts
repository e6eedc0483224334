import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { FULL_TEXTS, newAttributes, planControls, removesMany } from '../../oscal/catalog-diff.ts'
import type { ControlChanges, StoredControlRow } from '../../oscal/catalog-diff.ts'
import type { CatalogImport, FullTexts, ImportReport } from '../../oscal/import.ts'
import { membersOf, withMembers } from '../../json-text.ts'
import { coversFramework, namesFramework } from '../../rules/framework.ts'
import { plural } from '../../plural.ts'
import { listCatalogIdentities } from './catalog-identities.ts'
import type { CatalogIdentity, ConfiguredFrameworks } from './catalog-identities.ts'
import { marksText, readMarks } from './control-marks.ts'
import { findCatalog } from './find-catalog.ts'

/** One catalog with the counts of its controls (rows with different ids; active = neither withdrawn nor removed). */
export type CatalogSummary = {
  readonly name: string
  readonly title: string
  readonly version: string | null
  /** The text as it is stored. */
  readonly framework: string
  /** The framework whose rules apply; null when it is not known. */
  readonly identifiedAs: string | null
  readonly baseline: string | null
  readonly source: string | null
  readonly loadedAt: string | null
  readonly controls: number
  readonly active: number
  readonly withdrawn: number
  readonly removed: number
}

/** Any number that no other program's advisory lock is likely to have: "rmfcat" in ASCII. */
const IMPORT_LOCK = 0x726d66636174

/** Held to the end of the transaction: two imports at once would both find a control missing and add it twice. */
export async function lockImports(client: Client): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [IMPORT_LOCK])
}

export type StoreOptions = {
  /** Nothing is kept: what would need a confirmation is reported instead of refused. */
  readonly dryRun: boolean
  /** True if the removal of many controls is confirmed. */
  readonly confirmed: boolean
}

/**
 * Makes the stored catalog equal to `wanted`, within the caller's transaction. Throws an InputError when more than a
 * tenth of its controls would be marked as removed and that is not confirmed: a run would silently decide less.
 */
export async function storeCatalog(
  client: Client,
  wanted: CatalogImport,
  options: StoreOptions,
): Promise<ImportReport> {
  const row = await findCatalog(client, wanted)
  const details = detailsOf(wanted, row)
  const catalogId = row?.id ?? (await insertCatalog(client, wanted))
  const rows = await lockControls(client, catalogId)
  const { framework, authoritative } = wanted
  const changes = planControls(wanted.controls, rows, { framework, markRemoved: authoritative })
  if (removesMany(changes) && !options.confirmed && !options.dryRun) throw refusal(wanted, row, changes)
  await insertControls(client, catalogId, changes)
  await updateControls(client, changes, rows)
  if (row !== undefined && (changes.inserts.length + changes.updates.length > 0 || differs(row, details))) {
    await updateCatalog(client, row, details)
  }
  return {
    kind: 'catalog',
    name: row?.name ?? wanted.name,
    title: details.title,
    version: details.version,
    framework: details.framework,
    source: wanted.source,
    controls: wanted.controls.length,
    withdrawn: wanted.controls.filter(({ withdrawn }) => withdrawn).length,
    ...changes.counts,
    removedIds: changes.removedIds,
    removesMany: removesMany(changes),
    missing: [],
  }
}

function refusal(
  { source, name }: CatalogImport,
  row: CatalogIdentity | undefined,
  { removedIds, live }: ControlChanges,
): InputError {
  const some = removedIds.slice(0, 5).join(', ') + (removedIds.length > 5 ? ', …' : '')
  return new InputError({
    file: source,
    message:
      `this would mark ${removedIds.length} of the ${plural(live, 'control')} of the catalog "${row?.name ?? name}" as removed (${some}), ` +
      'and they would not be validated any more; confirm that with --yes, look at it with --dry-run, or store the file as a catalog of its own with --name',
  })
}

type Details = {
  readonly title: string
  readonly version: string | null
  readonly oscal_path: string | null
  readonly framework: string
  /** Undefined: the row's attributes stay as they are. */
  readonly fullTexts?: FullTexts
}

function detailsOf(wanted: CatalogImport, row: CatalogIdentity | undefined): Details {
  // Another program's spelling of the same framework stays; a name that says less than the document does not.
  const isSame = row?.framework !== undefined && coversFramework(wanted.framework, row.framework)
  const framework =
    row !== undefined && (isSame || !namesFramework(wanted.framework)) ? row.text : wanted.framework
  const fromElsewhere = row !== undefined && row.oscal_path !== null && row.oscal_path !== wanted.source
  if (fromElsewhere && !wanted.authoritative) {
    return { title: row.title, version: row.version, oscal_path: row.oscal_path, framework }
  }
  const { title, version, source, fullTexts = {} } = wanted
  return { title, version, oscal_path: source, framework, fullTexts }
}

function differs(row: CatalogIdentity, { title, version, oscal_path, framework }: Details): boolean {
  return (
    row.title !== title || row.version !== version || row.oscal_path !== oscal_path || row.text !== framework
  )
}

async function insertCatalog(client: Client, wanted: CatalogImport): Promise<number> {
  const { name, title, version, framework, source, fullTexts = {} } = wanted
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO catalogs (name, title, version, framework, oscal_path, loaded_at, attributes)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() AT TIME ZONE 'UTC', $6) RETURNING id`,
    [name, title, version, framework, source, JSON.stringify(fullTexts)],
  )
  const [row] = rows
  if (row === undefined) throw new Error('INSERT INTO catalogs returned no row')
  return row.id
}

async function updateCatalog(client: Client, row: CatalogIdentity, details: Details): Promise<void> {
  const { title, version, oscal_path, framework, fullTexts } = details
  await client.query(
    `UPDATE catalogs SET title = $2, version = $3, oscal_path = $4, framework = $5,
            loaded_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = $1`,
    [row.id, title, version, oscal_path, framework],
  )
  if (fullTexts !== undefined) await updateFullTexts(client, row.id, fullTexts)
  // Baselines belong to their framework's catalog: they follow it, unless another catalog still has the name.
  if (row.text === framework) return
  await client.query(
    `UPDATE baselines SET framework = $2
      WHERE framework = $1 AND NOT EXISTS (SELECT FROM catalogs WHERE framework = $1)`,
    [row.text, framework],
  )
}

/** Written only if they are others: the attributes are another program's text otherwise. */
async function updateFullTexts(client: Client, id: number, fullTexts: FullTexts): Promise<void> {
  const { rows } = await client.query<{ json: string }>(
    'SELECT attributes::text AS json FROM catalogs WHERE id = $1',
    [id],
  )
  const json = rows[0]?.json ?? '{}'
  const has = membersOf(json)
  const isSame = FULL_TEXTS.every(
    (key) => has.get(key) === (fullTexts[key] && JSON.stringify(fullTexts[key])),
  )
  if (isSame) return
  const changed = withMembers(json, { set: fullTexts, drop: FULL_TEXTS })
  await client.query('UPDATE catalogs SET attributes = $2 WHERE id = $1', [id, changed])
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
export async function listCatalogs(
  client: Client,
  configured?: ConfiguredFrameworks,
): Promise<CatalogSummary[]> {
  const identities = await listCatalogIdentities(client, configured)
  type Row = Omit<CatalogSummary, keyof Counts | 'identifiedAs'> & { id: number }
  const { rows: catalogs } = await client.query<Row>(`
    SELECT id, name, title, version, framework, baseline, oscal_path AS source,
           to_char(loaded_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "loadedAt"
      FROM catalogs ORDER BY name`)
  const { rows } = await client.query<CountedRow>(
    `SELECT catalog_id, control_id, ${marksText('attributes')} AS marks FROM controls`,
  )
  const controls = Map.groupBy(rows, (row) => row.catalog_id)
  return catalogs.map(({ id, ...catalog }) => ({
    ...catalog,
    identifiedAs: identities.get(id)?.framework ?? null,
    ...countsOf(controls.get(id) ?? []),
  }))
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
