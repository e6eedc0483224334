import type { Client } from 'pg'
import { bitAt } from '../../record/bits.ts'
import { readPlanes } from './planes.ts'
import { compareText } from '../../rules/control-id.ts'
import { ControlSets } from './plans.ts'

/** The number of a family's controls that pass for one system of a run. */
export type FamilyCount = {
  readonly system: string
  /** `AC`, `AU`, … */
  readonly family: string
  readonly pass: number
  readonly total: number
}

/** One row per system and family of a run, ordered by both names. */
export async function runBreakdown(client: Client, runId: number): Promise<FamilyCount[]> {
  const systems = await readPlanes(client, runId)
  const sets = new ControlSets(client)
  await sets.load(systems)
  const names = await systemNames(
    client,
    systems.map(({ systemId }) => systemId),
  )
  const counts = systems.flatMap(({ pass, ...record }) => {
    const system = names.get(record.systemId)
    if (system === undefined) return []
    const controls = sets.of(record).map(({ family }, index) => ({ family, index }))
    return [...Map.groupBy(controls, ({ family }) => family)].map(([family, members]) => ({
      system,
      family,
      pass: members.filter(({ index }) => bitAt(pass, index)).length,
      total: members.length,
    }))
  })
  return counts.toSorted((a, b) => compareText(a.system, b.system) || compareText(a.family, b.family))
}

async function systemNames(client: Client, ids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await client.query<{ id: number; name: string }>(
    'SELECT id, name FROM systems WHERE id = ANY ($1)',
    [ids],
  )
  return new Map(rows.map(({ id, name }) => [id, name]))
}
