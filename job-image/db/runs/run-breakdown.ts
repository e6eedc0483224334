import type { Client } from 'pg'

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
  const { rows } = await client.query<FamilyCount>(
    `SELECT y.name AS system, c.family, count(*) FILTER (WHERE v.status = 'PASS')::int AS pass, count(*)::int AS total
       FROM job_run_systems s
       JOIN validation_results v ON v.job_run_id = s.results_run_id AND v.system_id = s.system_id
       JOIN controls c ON c.id = v.control_id
       JOIN systems y ON y.id = s.system_id
      WHERE s.job_run_id = $1
      GROUP BY y.name, c.family
      ORDER BY y.name, c.family`,
    [runId],
  )
  return rows
}
