import type { Client } from 'pg'

/** The newest record of a system in one set of controls, or its record in one run. Timestamps are PostgreSQL's text, UTC. */
export type StoredRecord = {
  readonly systemId: number
  readonly runId: number
  /** The run that evaluated the system; an earlier one if its answers are reused. */
  readonly decidedRunId: number
  readonly controlSetId: number
  /** True if the run evaluated all controls. */
  readonly isFull: boolean
  readonly decidedAt: string
  /** When a run last confirmed the answers; equal to `decidedAt` unless they are reused. */
  readonly confirmedAt: string
  /** The reference time of the run that evaluated the system. */
  readonly referenceTime: string
  /** Bit strings in PostgreSQL's binary form; the last one is the plan's. */
  readonly pass: Buffer
  readonly fail: Buffer | null
  readonly unknown: Buffer
  /** JSON; null once the details have been deleted for their age. */
  readonly manifest: string | null
  readonly decisions: string | null
  readonly decisionOf: Buffer | null
}

const RECORD = `q.system_id AS "systemId", q.job_run_id AS "runId", q.decided_run_id AS "decidedRunId",
  q.control_set_id AS "controlSetId", r.control_scope IS NULL AS "isFull", q.decided_at::text AS "decidedAt",
  coalesce(q.confirmed_at, q.decided_at)::text AS "confirmedAt", o.reference_time::text AS "referenceTime",
  varbit_send(q.pass) AS pass, varbit_send(q.fail) AS fail, varbit_send(p.unknown) AS unknown,
  i.manifest::text AS manifest, d.decisions::text AS decisions, d.decision_of AS "decisionOf"`

const DETAILS = `
  JOIN job_runs r ON r.id = q.job_run_id
  JOIN job_runs o ON o.id = q.decided_run_id
  JOIN plans p ON p.digest = r.plan_digest
  LEFT JOIN run_details i ON i.job_run_id = q.inputs_run_id AND i.system_id = q.system_id
  LEFT JOIN run_details d ON d.job_run_id = q.decisions_run_id AND d.system_id = q.system_id`

/** The records of one run about these systems. Systems that could not be evaluated have none. */
export async function runRecords(
  client: Client,
  runId: number,
  systemIds: readonly number[],
): Promise<StoredRecord[]> {
  const { rows } = await client.query<StoredRecord>(
    `SELECT ${RECORD}
       FROM (SELECT * FROM run_records
              WHERE job_run_id = $1 AND system_id = ANY ($2) AND pass IS NOT NULL OFFSET 0) q
       ${DETAILS}`,
    [runId, systemIds],
  )
  return rows
}

/**
 * The newest records of these systems, by system, the newest run first: the newest record of all controls and, newer than
 * that, the newest record of each other set of controls; most systems have one. A control that a run of all controls did
 * not evaluate is no longer validated.
 */
export async function latestRecords(client: Client, systemIds: readonly number[]): Promise<StoredRecord[]> {
  const { rows } = await client.query<StoredRecord>(
    `SELECT ${RECORD}
       FROM unnest($1::int[]) s (id)
       LEFT JOIN LATERAL (
              SELECT q.job_run_id FROM run_records q
               WHERE q.system_id = s.id AND q.pass IS NOT NULL
                 -- Not a join: one look at each run, from the newest back.
                 AND (SELECT r.control_scope FROM job_runs r WHERE r.id = q.job_run_id) IS NULL
               ORDER BY q.job_run_id DESC LIMIT 1) base ON TRUE
      CROSS JOIN LATERAL (
              SELECT DISTINCT ON (r.control_scope) q.*
                FROM run_records q JOIN job_runs r ON r.id = q.job_run_id
               WHERE q.system_id = s.id AND q.pass IS NOT NULL AND q.job_run_id >= coalesce(base.job_run_id, 0)
               ORDER BY r.control_scope, q.job_run_id DESC) q
       ${DETAILS}
      ORDER BY q.system_id, q.job_run_id DESC`,
    [systemIds],
  )
  return rows
}
