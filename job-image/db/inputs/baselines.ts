import type { Client } from 'pg'
import { FRAMEWORK_SEPARATOR } from '../../oscal/import.ts'
import type { BaselineImport, ImportReport } from '../../oscal/import.ts'
import { displayControlId, formerControlId } from '../../rules/control-id.ts'
import { nameKey } from '../../rules/framework.ts'
import { isFrameworkOf, missingMembers } from '../../selection/baseline.ts'
import type { Baseline } from '../../selection/baseline.ts'
import { listCatalogIdentities } from './catalog-identities.ts'
import { marksText, readMarks } from './control-marks.ts'

export type BaselineSummary = {
  readonly name: string
  readonly title: string
  readonly version: string | null
  readonly framework: string
  readonly source: string | null
  readonly loadedAt: string
  readonly controls: number
}

type BaselineRow = {
  readonly id: number
  readonly name: string
  readonly title: string
  readonly framework: string
  readonly version: string | null
  readonly source: string | null
}

const BASELINE_ROWS = 'SELECT id, name, title, framework, version, source FROM baselines ORDER BY id'

/** Makes the stored baseline equal to `wanted`, within the caller's transaction. */
export async function storeBaseline(client: Client, wanted: BaselineImport): Promise<ImportReport> {
  const { rows } = await client.query<BaselineRow>(BASELINE_ROWS)
  const row = rows.find(({ name }) => nameKey(name) === nameKey(wanted.name))
  const baselineId = row?.id ?? (await insertBaseline(client, wanted))
  const changes = await replaceMembers(client, baselineId, wanted.controls)
  const { added, renamed, removedIds } = changes
  if (row !== undefined && (added + renamed + removedIds.length > 0 || differs(row, wanted))) {
    await updateBaseline(client, baselineId, wanted)
  }
  const { source, title, version, framework, controls, withdrawn } = wanted
  return {
    kind: 'baseline',
    name: row?.name ?? wanted.name,
    title,
    version,
    framework,
    source,
    controls: controls.length,
    withdrawn,
    added,
    changed: renamed,
    removed: removedIds.length,
    unchanged: controls.length - added - renamed,
    removedIds: removedIds.map(displayControlId),
    removesMany: false,
    missing: await missingControls(client, baselineOf(row?.name ?? wanted.name, framework, controls)),
  }
}

async function insertBaseline(client: Client, wanted: BaselineImport): Promise<number> {
  const { name, title, framework, version, source } = wanted
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO baselines (name, title, framework, version, source, loaded_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() AT TIME ZONE 'UTC') RETURNING id`,
    [name, title, framework, version, source],
  )
  const [row] = rows
  if (row === undefined) throw new Error('INSERT INTO baselines returned no row')
  return row.id
}

type MemberChanges = {
  readonly added: number
  /** Members whose ids were in the spelling of earlier releases, without leading zeros. */
  readonly renamed: number
  readonly removedIds: readonly string[]
}

async function replaceMembers(
  client: Client,
  baselineId: number,
  controls: readonly string[],
): Promise<MemberChanges> {
  const removed = await client.query<{ control_id: string }>(
    'DELETE FROM baseline_controls WHERE baseline_id = $1 AND control_id <> ALL ($2) RETURNING control_id',
    [baselineId, controls],
  )
  const added = await client.query<{ control_id: string }>(
    `INSERT INTO baseline_controls (baseline_id, control_id) SELECT $1, unnest($2::text[])
         ON CONFLICT DO NOTHING RETURNING control_id`,
    [baselineId, controls],
  )
  const gone = new Set(removed.rows.map(({ control_id }) => control_id))
  const renamed = added.rows.filter(({ control_id }) => gone.delete(formerControlId(control_id))).length
  return { added: added.rows.length - renamed, renamed, removedIds: [...gone] }
}

function differs(row: BaselineRow, { title, framework, version, source }: BaselineImport): boolean {
  return (
    row.title !== title || row.framework !== framework || row.version !== version || row.source !== source
  )
}

async function updateBaseline(client: Client, id: number, wanted: BaselineImport): Promise<void> {
  const { title, framework, version, source } = wanted
  await client.query(
    `UPDATE baselines SET title = $2, framework = $3, version = $4, source = $5,
            loaded_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = $1`,
    [id, title, framework, version, source],
  )
}

/** Members that no catalog of the baseline's framework holds as a live control: a run could not decide them. */
async function missingControls(client: Client, baseline: Baseline): Promise<string[]> {
  const catalogs = await listCatalogIdentities(client)
  type Row = { control_id: string; catalog_id: number; marks: string | null }
  const { rows } = await client.query<Row>(
    `SELECT control_id, catalog_id, ${marksText('attributes')} AS marks FROM controls`,
  )
  const live = rows.filter(({ marks }) => !readMarks(marks).removed)
  const controls = live.map(({ control_id: controlId, catalog_id: catalogId }) => ({
    controlId,
    catalogId,
    framework: catalogs.get(catalogId)?.framework,
  }))
  const { frameworks } = baseline
  const own = controls.filter(({ framework }) => frameworks.some((each) => isFrameworkOf(each, framework)))
  return missingMembers(baseline, own).map(displayControlId)
}

/** The baselines of the database, by name. */
export async function listBaselines(client: Client): Promise<BaselineSummary[]> {
  const { rows } = await client.query<BaselineSummary>(`
    SELECT b.name, b.title, b.version, b.framework, b.source,
           to_char(b.loaded_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "loadedAt",
           (SELECT count(*) FROM baseline_controls m WHERE m.baseline_id = b.id)::integer AS controls
      FROM baselines b ORDER BY b.name`)
  return rows
}

/**
 * The baseline of that name, undefined where there is none. The four of NIST SP 800-53B also answer to their short
 * names: `moderate` is `nist-800-53-rev5-moderate`.
 */
export async function findBaseline(client: Client, name: string): Promise<Baseline | undefined> {
  const { rows } = await client.query<BaselineRow>(BASELINE_ROWS)
  const find = (text: string): BaselineRow | undefined =>
    rows.find((row) => nameKey(row.name) === nameKey(text))
  const row = find(name) ?? find(`nist-800-53-rev5-${name}`)
  if (row === undefined) return undefined
  const members = await client.query<{ control_id: string }>(
    'SELECT control_id FROM baseline_controls WHERE baseline_id = $1',
    [row.id],
  )
  return baselineOf(
    row.name,
    row.framework,
    members.rows.map(({ control_id }) => control_id),
  )
}

function baselineOf(name: string, framework: string, members: readonly string[]): Baseline {
  return { name, frameworks: framework.split(FRAMEWORK_SEPARATOR), members: new Set(members) }
}
