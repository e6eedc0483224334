import type { Client } from 'pg'
import { listControlNames } from '../inputs/control-names.ts'

/** The counts of one control in a run, over all systems. */
export type ControlFigures = {
  /** Row of `controls`. */
  readonly control_id: number
  /** Null: the control was deleted since. */
  readonly control: string | null
  readonly catalog: string | null
  readonly pass: number
  readonly fail: number
  readonly insufficient_evidence: number
  readonly unknown: number
  /** Microseconds that deciding it took, of all workers; storing the answers is not in it. */
  readonly decide_us: number
}

/** The counts per control in the natural order of controls, deleted ones last. Empty for a run without figures. */
export async function listControlFigures(client: Client, runId: number): Promise<ControlFigures[]> {
  type Row = Omit<ControlFigures, 'control' | 'catalog'>
  const { rows } = await client.query<Row>(
    `SELECT control_id, pass, fail, insufficient_evidence, unknown, decide_us::float8 AS decide_us
       FROM job_run_controls WHERE job_run_id = $1`,
    [runId],
  )
  if (rows.length === 0) return []
  const names = await listControlNames(client)
  const rank = (id: number): number => names.get(id)?.rank ?? names.size + id
  return rows
    .toSorted((a, b) => rank(a.control_id) - rank(b.control_id))
    .map(({ control_id, ...figures }) => {
      const name = names.get(control_id)
      return { control_id, control: name?.control ?? null, catalog: name?.catalog ?? null, ...figures }
    })
}
