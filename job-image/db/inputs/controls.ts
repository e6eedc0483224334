import type { Client } from 'pg'
import { nistIndex } from '../../oscal/nist-index.ts'
import { canonicalControlId } from '../../rules/control-id.ts'
import { NIST_800_53_REV5, namesFramework } from '../../rules/framework.ts'
import { storageProblem } from '../../storable-text.ts'
import type { ControlRow, Requirement } from '../../validation/model.ts'
import type { CatalogIdentity } from './catalog-identities.ts'
import { marksText, readMarks } from './control-marks.ts'

/** A row of `controls`, its requirements and whether a run decides it. */
export type StoredControl = ControlRow & {
  readonly title: string
  readonly family: string
  /** Withdrawn by its catalog, or no longer in it: not validated. */
  readonly active: boolean
}

type Row = {
  id: number
  catalog_id: number
  control_id: string
  title: string
  family: string
  remediation: string | null
  marks: string | null
}

const LIST_CONTROLS = `
  SELECT c.id, c.catalog_id, c.control_id, c.title, c.family, c.remediation,
         ${marksText('c.attributes')} AS marks
    FROM controls c
   ORDER BY c.id`

type RequirementRow = { id: number; control_id: number; required_all: string; required_any: string }

const LIST_REQUIREMENTS = `
  SELECT id, control_id, required_all::text, required_any::text FROM control_requirements ORDER BY id`

/** Every control of every catalog, ordered by row id, withdrawn ones included (`active: false`). */
export async function listControls(
  client: Client,
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): Promise<StoredControl[]> {
  const { rows } = await client.query<Row>(LIST_CONTROLS)
  const { rows: required } = await client.query<RequirementRow>(LIST_REQUIREMENTS)
  const requirements = Map.groupBy(required, (row) => row.control_id)
  return rows.map((row) => ({
    id: row.id,
    catalogId: row.catalog_id,
    controlId: row.control_id,
    title: row.title,
    family: row.family,
    remediation: row.remediation,
    framework: catalogs.get(row.catalog_id)?.framework,
    active: isActive(row, catalogs.get(row.catalog_id)),
    ...requirementsOf(requirements.get(row.id) ?? []),
  }))
}

/**
 * The row's own mark counts. Without one the built-in index decides, for catalogs that are named as NIST SP 800-53 rev5:
 * an older revision that is recognised by its controls has other ones withdrawn.
 */
function isActive({ marks, control_id }: Row, catalog: CatalogIdentity | undefined): boolean {
  const { withdrawn, removed } = readMarks(marks)
  if (removed) return false
  if (withdrawn !== undefined) return !withdrawn
  if (catalog?.framework !== NIST_800_53_REV5) return true
  if (!catalog.configured && !namesFramework(catalog.text)) return true
  const id = canonicalControlId(control_id, NIST_800_53_REV5)
  return id === undefined || !nistIndex().isWithdrawn(id)
}

function requirementsOf(rows: readonly RequirementRow[]): Pick<ControlRow, 'requirements' | 'problem'> {
  const read: Requirement[] = []
  for (const row of rows) {
    const requiredAll: unknown = JSON.parse(row.required_all)
    const requiredAny: unknown = JSON.parse(row.required_any)
    const problem = shapeProblem('required_all', requiredAll) ?? shapeProblem('required_any', requiredAny)
    if (problem !== undefined)
      return { requirements: [], problem: `control_requirements row ${row.id}: ${problem}` }
    read.push({ requiredAll: requiredAll as string[], requiredAny: requiredAny as string[] })
  }
  return { requirements: read }
}

/** The types go into messages, so they must be what a text column can hold. */
function shapeProblem(column: string, value: unknown): string | undefined {
  if (!Array.isArray(value)) return `${column} must be a list of evidence types, found ${kindOf(value)}`
  for (const type of value as unknown[]) {
    if (typeof type !== 'string' || type === '')
      return `${column} holds ${kindOf(type)} where an evidence type belongs`
    const problem = storageProblem(type)
    if (problem !== undefined) return `${column} holds an evidence type with ${problem}`
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
