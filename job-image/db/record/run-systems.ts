import type { Client } from 'pg'
import type { JobRun } from '../runs/job-runs.ts'

/** The state and the counts of one system of a run. */
export type RunSystem = {
  readonly system_id: number
  /** Null if the system was deleted other than by `systems remove`, which stores the name with the run. */
  readonly system: string | null
  /** The system is no longer in the database. */
  readonly removed: boolean
  readonly state: 'pending' | 'done' | 'error'
  readonly error: string | null
  readonly pass: number
  readonly fail: number
  readonly insufficient_evidence: number
  readonly unknown: number
  /** The run that evaluated the system; an earlier one if its answers are reused. */
  readonly results_run_id: number | null
  readonly decided_at: string | null
}

/** The systems of a run, ordered by name: one short row each, about 2 MB for 10,000 systems. */
export async function listRunSystems(
  client: Client,
  { id, attributes }: Pick<JobRun, 'id' | 'attributes'>,
): Promise<RunSystem[]> {
  const { rows } = await client.query<RunSystem>(
    `SELECT q.system_id, s.name AS system, s.id IS NULL AS removed, q.state, q.error, q.pass, q.fail, q.insufficient_evidence, q.unknown,
            q.results_run_id, q.decided_at
       FROM run_systems q LEFT JOIN systems s ON s.id = q.system_id
      WHERE q.job_run_id = $1
      ORDER BY s.name, q.system_id`,
    [id],
  )
  const names = (attributes?.['removed_systems'] ?? {}) as Readonly<Record<string, unknown>>
  return rows.map((row) => {
    const name = row.removed ? names[row.system_id] : undefined
    return typeof name === 'string' ? { ...row, system: name } : row
  })
}
