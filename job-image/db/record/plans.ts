import type { Client } from 'pg'
import { sha256 } from '../../../common/sha256.ts'
import { decodePlan, encodePlan } from '../../record/plan-body.ts'
import type { ValidationPlan } from '../../validation/plan.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { UTC_NOW } from '../runs/job-runs.ts'

/** A control of a control set: a row of `controls` with the names it had when the set was stored. */
export type SetControl = {
  readonly id: number
  readonly catalog: string
  /** The normalized id, such as `AC-2.1`. */
  readonly control: string
  readonly family: string
}

type StoredControl = readonly [id: number, catalog: string, control: string, family: string]

/**
 * Stores the plan and its control set, unless they are stored; returns the id of the control set. `controls` are those
 * of the plan, in its order. Must run in the planning transaction, and late in it: another run with the same new plan
 * waits for its end.
 */
export async function storePlan(
  client: Client,
  plan: ValidationPlan,
  digest: Buffer,
  controls: readonly SetControl[],
): Promise<number> {
  // A plan that is stored already has the control set of that time, in which a catalog may have had another name.
  const known = await controlSetOf(client, digest)
  if (known !== undefined) return known
  const controlSetId = await storeControlSet(client, controls)
  const { body, unknown } = encodePlan(plan)
  await client.query(
    `INSERT INTO plans (digest, control_set_id, unknown, body, created_at)
     VALUES ($1, $2, $3::varbit, $4, ${UTC_NOW}) ON CONFLICT DO NOTHING`,
    [digest, controlSetId, unknown, body],
  )
  const stored = await controlSetOf(client, digest)
  return stored ?? Promise.reject(await droppedRows(client, 'plans', 'the plan of this run'))
}

async function controlSetOf(client: Client, planDigest: Buffer): Promise<number | undefined> {
  const { rows } = await client.query<{ id: number }>(
    'SELECT control_set_id AS id FROM plans WHERE digest = $1',
    [planDigest],
  )
  return rows[0]?.id
}

async function storeControlSet(client: Client, controls: readonly SetControl[]): Promise<number> {
  const stored = controls.map(({ id, catalog, control, family }): StoredControl => [
    id,
    catalog,
    control,
    family,
  ])
  const text = JSON.stringify(stored)
  const digest = sha256(text)
  await client.query(
    `INSERT INTO control_sets (digest, size, controls)
     SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM control_sets WHERE digest = $1) ON CONFLICT DO NOTHING`,
    [digest, controls.length, text],
  )
  const { rows } = await client.query<{ id: number }>('SELECT id FROM control_sets WHERE digest = $1', [
    digest,
  ])
  return rows[0]?.id ?? Promise.reject(await droppedRows(client, 'control_sets', 'the controls of this run'))
}

/** The control sets of these ids. */
export async function readControlSets(
  client: Client,
  ids: readonly number[],
): Promise<Map<number, readonly SetControl[]>> {
  const { rows } = await client.query<{ id: number; controls: readonly StoredControl[] }>(
    'SELECT id, controls FROM control_sets WHERE id = ANY ($1)',
    [ids],
  )
  return new Map(
    rows.map(({ id, controls }) => [
      id,
      controls.map(([control_row, catalog, control, family]) => ({
        id: control_row,
        catalog,
        control,
        family,
      })),
    ]),
  )
}

/** The control sets of the records that a reader has met, each read once. */
export class ControlSets {
  readonly #client: Client
  readonly #sets = new Map<number, readonly SetControl[]>()

  constructor(client: Client) {
    this.#client = client
  }

  /** Reads the control sets of these records, as far as they are not known. */
  async load(records: Iterable<{ readonly controlSetId: number }>): Promise<void> {
    const ids = new Set(Array.from(records, ({ controlSetId }) => controlSetId))
    const missing = [...ids].filter((id) => !this.#sets.has(id))
    if (missing.length === 0) return
    for (const [id, controls] of await readControlSets(this.#client, missing)) this.#sets.set(id, controls)
  }

  /** The controls of a loaded record; none if its control set is not stored. */
  of({ controlSetId }: { readonly controlSetId: number }): readonly SetControl[] {
    return this.#sets.get(controlSetId) ?? []
  }
}

/** The digest of the plan of a run; null: it is not planned, has no record, or is of another program. */
export async function runPlanDigest(client: Client, runId: number): Promise<Buffer | null> {
  const { rows } = await client.query<{ digest: Buffer | null }>(
    'SELECT plan_digest AS digest FROM job_runs WHERE id = $1',
    [runId],
  )
  return rows[0]?.digest ?? null
}

/** The plan of a run as it was evaluated; undefined if it is not stored. */
export async function readPlan(
  client: Client,
  digest: Buffer,
): Promise<{ readonly plan: ValidationPlan; readonly controlSetId: number } | undefined> {
  const { rows } = await client.query<{ body: string; controlSetId: number }>(
    'SELECT body::text AS body, control_set_id AS "controlSetId" FROM plans WHERE digest = $1',
    [digest],
  )
  const [row] = rows
  return row && { plan: decodePlan(row.body), controlSetId: row.controlSetId }
}
