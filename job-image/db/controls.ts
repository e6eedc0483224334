import type { Client } from 'pg'
import { isNistRev5 } from '../oscal/framework.ts'
import { nistIndex } from '../oscal/nist-index.ts'
import { canonicalControlId } from '../rules/control-id.ts'
import type { ControlRow, Requirement } from '../validation/model.ts'

/** A row of `controls`, its requirements and whether a run decides it. */
export type StoredControl = ControlRow & {
  readonly title: string
  readonly family: string
  readonly framework: string
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
  framework: string
  withdrawn: string | null
  removed: string | null
  requirements: { id: number; required_all: unknown; required_any: unknown }[] | null
}

// Only the two marks of `attributes` are read: other programs keep what they like there, in any shape.
const LIST_CONTROLS = `
  SELECT c.id, c.catalog_id, c.control_id, c.title, c.family, c.remediation, k.framework,
         c.attributes ->> 'withdrawn' AS withdrawn, c.attributes ->> 'removed' AS removed,
         (SELECT json_agg(json_build_object('id', r.id, 'required_all', r.required_all,
                                            'required_any', r.required_any) ORDER BY r.id)
            FROM control_requirements r WHERE r.control_id = c.id) AS requirements
    FROM controls c JOIN catalogs k ON k.id = c.catalog_id
   ORDER BY c.id`

/** Every control of every catalog, ordered by row id, withdrawn ones included (`active: false`). */
export async function listControls(client: Client): Promise<StoredControl[]> {
  const { rows } = await client.query<Row>(LIST_CONTROLS)
  return rows.map((row) => ({
    id: row.id,
    catalogId: row.catalog_id,
    controlId: row.control_id,
    title: row.title,
    family: row.family,
    remediation: row.remediation,
    framework: row.framework,
    active: row.removed !== 'true' && !isWithdrawnRow(row),
    ...requirementsOf(row),
  }))
}

/** The row's own word counts; where it says nothing, NIST 800-53 rev5 is known from the built-in index. */
function isWithdrawnRow({ withdrawn, framework, control_id }: Row): boolean {
  if (withdrawn !== null) return withdrawn === 'true'
  if (!isNistRev5(framework)) return false
  const id = canonicalControlId(control_id)
  return id !== undefined && nistIndex().isWithdrawn(id)
}

function requirementsOf({ requirements }: Row): Pick<ControlRow, 'requirements' | 'problem'> {
  const read: Requirement[] = []
  for (const { id, required_all, required_any } of requirements ?? []) {
    const problem = shapeProblem('required_all', required_all) ?? shapeProblem('required_any', required_any)
    if (problem !== undefined)
      return { requirements: [], problem: `control_requirements row ${id}: ${problem}` }
    read.push({ requiredAll: required_all as string[], requiredAny: required_any as string[] })
  }
  return { requirements: read }
}

function shapeProblem(column: string, value: unknown): string | undefined {
  if (!Array.isArray(value)) return `${column} must be a list of evidence types, found ${kindOf(value)}`
  const odd = value.find((type) => typeof type !== 'string' || type === '')
  return odd === undefined ? undefined : `${column} holds ${kindOf(odd)} where an evidence type belongs`
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
