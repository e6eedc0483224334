import type { Client } from 'pg'
import { RUN_EXISTS, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** Adds a worker's times to the stored ones; `us`: microseconds. Locks rows in the order of their ids: no deadlock. */
export async function addControlTimes(
  client: Client,
  run: RunRef,
  times: readonly { readonly controlId: number; readonly us: number }[],
): Promise<void> {
  await client.query(
    `INSERT INTO job_run_controls AS c (job_run_id, control_id, decide_us)
     SELECT $1, t.control_id, t.us FROM unnest($4::int[], $5::bigint[]) AS t (control_id, us)
      WHERE ${RUN_EXISTS} ORDER BY t.control_id
     ON CONFLICT (job_run_id, control_id) DO UPDATE SET decide_us = c.decide_us + EXCLUDED.decide_us`,
    [...runParameters(run), times.map(({ controlId }) => controlId), times.map(({ us }) => us)],
  )
}
