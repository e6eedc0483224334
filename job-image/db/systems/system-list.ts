import type { Client } from 'pg'
import { wantedSystems } from '../inputs/system-filter.ts'
import type { SystemFilter } from '../inputs/system-filter.ts'

/** A system with what is stored about it. Timestamps are PostgreSQL's text, UTC. */
export type ListedSystem = {
  readonly system: string
  readonly environment: string
  readonly description: string | null
  readonly created_at: string
  /** Rows of evidence; `expired` of them are past their `expires_at`. */
  readonly evidence: number
  readonly expired: number
  /** The newest run that has evaluated it, with its counts; null: none has. */
  readonly last_run: LastRun | null
}

export type LastRun = {
  readonly run_id: number
  readonly state: 'done' | 'error'
  readonly decided_at: string
  readonly pass: number
  readonly not_pass: number
}

/** The systems that the filter means, by name. Each costs a few index probes. */
export async function listSystems(client: Client, filter: SystemFilter): Promise<ListedSystem[]> {
  const { condition, values } = wantedSystems(filter)
  const { rows } = await client.query<ListedSystem>(
    `SELECT s.name AS system, s.environment, s.description, s.created_at::text, e.evidence, e.expired, q.last_run
       FROM systems s
      CROSS JOIN LATERAL (
             SELECT count(*)::int AS evidence,
                    count(*) FILTER (WHERE e.expires_at <= now() AT TIME ZONE 'UTC')::int AS expired
               FROM evidence e WHERE e.system_id = s.id) e
       LEFT JOIN LATERAL (
             SELECT json_build_object('run_id', job_run_id, 'state', state, 'decided_at', decided_at::text, 'pass', pass,
                                      'not_pass', fail + insufficient_evidence + unknown) AS last_run
               FROM run_systems
              WHERE system_id = s.id AND state <> 'pending'
              ORDER BY job_run_id DESC LIMIT 1) q ON TRUE
      WHERE ${condition}
      ORDER BY s.name`,
    values,
  )
  return rows
}
