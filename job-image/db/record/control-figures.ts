import type { Client } from 'pg'
import { countsByControl } from '../../record/counts.ts'
import { listControlNames } from '../inputs/control-names.ts'
import { readPlanes } from './planes.ts'
import { readControlSets } from './plans.ts'

/** The counts of one control in a run, over all systems. */
export type ControlFigures = {
  /** Row of `controls`. */
  readonly control_id: number
  /** Null: neither the database nor the run's record knows its name. */
  readonly control: string | null
  readonly catalog: string | null
  readonly pass: number
  readonly fail: number
  readonly insufficient_evidence: number
  readonly unknown: number
  /** Microseconds that deciding it took, of all workers; storing the answers is not in it. */
  readonly decide_us: number
}

/**
 * The counts per control in the natural order of controls, deleted ones last. Empty for a run without a record, and for
 * one that has evaluated no system.
 */
export async function listControlFigures(client: Client, runId: number): Promise<ControlFigures[]> {
  const systems = await readPlanes(client, runId)
  const [first] = systems
  if (first === undefined) return []
  const controls = (await readControlSets(client, [first.controlSetId])).get(first.controlSetId) ?? []
  const counts = countsByControl(systems, controls.length)
  const times = await controlTimes(client, runId)
  const names = await listControlNames(client)
  const rank = (id: number): number => names.get(id)?.rank ?? names.size + id
  return controls
    .map(({ id, control, catalog }, index) => {
      const name = names.get(id) ?? { control, catalog }
      const figures = { ...counts[index]!, decide_us: times.get(id) ?? 0 }
      return { control_id: id, control: name.control, catalog: name.catalog, ...figures }
    })
    .toSorted((a, b) => rank(a.control_id) - rank(b.control_id))
}

async function controlTimes(client: Client, runId: number): Promise<Map<number, number>> {
  const { rows } = await client.query<{ id: number; us: number }>(
    'SELECT control_id AS id, decide_us::float8 AS us FROM job_run_controls WHERE job_run_id = $1',
    [runId],
  )
  return new Map(rows.map(({ id, us }) => [id, us]))
}
