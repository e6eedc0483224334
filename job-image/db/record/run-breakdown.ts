import type { Client } from 'pg'
import { bitAt } from '../../record/bits.ts'
import { readPlanes } from './planes.ts'
import { readControlSets } from './plans.ts'

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
  const sets = await readControlSets(client, [...new Set(systems.map(({ controlSetId }) => controlSetId))])
  const names = await systemNames(
    client,
    systems.map(({ systemId }) => systemId),
  )
  const counts = systems.flatMap(({ systemId, controlSetId, pass }) => {
    const system = names.get(systemId)
    if (system === undefined) return []
    const controls = (sets.get(controlSetId) ?? []).map(({ family }, index) => ({ family, index }))
    return [...Map.groupBy(controls, ({ family }) => family)].map(([family, members]) => ({
      system,
      family,
      pass: members.filter(({ index }) => bitAt(pass, index)).length,
      total: members.length,
    }))
  })
  return counts.toSorted((a, b) => compare(a.system, b.system) || compare(a.family, b.family))
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b)

async function systemNames(client: Client, ids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await client.query<{ id: number; name: string }>(
    'SELECT id, name FROM systems WHERE id = ANY ($1)',
    [ids],
  )
  return new Map(rows.map(({ id, name }) => [id, name]))
}
