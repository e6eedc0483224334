import type { Client } from 'pg'
import { OF_RUN, RUN_EXISTS, runParameters } from '../runs/run-ref.ts'
import type { RunRef } from '../runs/run-ref.ts'
import { droppedRows } from '../session/dropped-rows.ts'

/** Adds the systems of the environment (all, or `only`) that the run neither has queued nor evaluated; returns their number. */
export async function queueSystems(
  client: Client,
  run: RunRef,
  environment: string,
  only: readonly number[] | null = null,
): Promise<number> {
  const { rows } = await client.query<{ wanted: number; added: number }>(
    `WITH wanted AS MATERIALIZED (
       SELECT s.id FROM systems s
        WHERE ${RUN_EXISTS} AND s.environment = $4 AND ($5::int[] IS NULL OR s.id = ANY ($5))
          AND NOT EXISTS (SELECT FROM run_queue q WHERE q.job_run_id = $1 AND q.system_id = s.id)
          AND NOT EXISTS (SELECT FROM run_records r WHERE r.job_run_id = $1 AND r.system_id = s.id)),
     added AS (INSERT INTO run_queue (job_run_id, system_id) SELECT $1, id FROM wanted RETURNING system_id)
     SELECT (SELECT count(*)::int FROM wanted) AS wanted, (SELECT count(*)::int FROM added) AS added`,
    [...runParameters(run), environment, only],
  )
  const { wanted, added } = rows[0]!
  if (added < wanted) {
    const missing = `${wanted - added} of the ${wanted} systems that run ${run.id} is to validate`
    throw await droppedRows(client, 'run_queue', missing)
  }
  return added
}

/** Requeues the systems that could not be evaluated; they have no answers. Needs the run's row locked. */
export async function requeueFailedSystems(client: Client, run: RunRef): Promise<void> {
  const { rows } = await client.query<{ removed: number; added: number }>(
    `WITH removed AS (DELETE FROM run_records WHERE ${OF_RUN} AND error IS NOT NULL RETURNING system_id),
     added AS (INSERT INTO run_queue (job_run_id, system_id) SELECT $1, system_id FROM removed RETURNING system_id)
     SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM added) AS added`,
    runParameters(run),
  )
  const { removed, added } = rows[0]!
  if (added === removed) return
  throw await droppedRows(
    client,
    'run_queue',
    `${removed - added} systems that run ${run.id} is to evaluate again`,
  )
}

/** The systems that a claim would lock now; they are locked until the surrounding transaction ends. */
export async function claimableSystems(
  client: Client,
  run: RunRef,
  limit: number,
  only: readonly number[] | null = null,
): Promise<number[]> {
  const { rows } = await client.query<{ system_id: number }>(
    `SELECT system_id FROM run_queue
      WHERE ${OF_RUN} AND ($5::int[] IS NULL OR system_id = ANY ($5))
      ORDER BY system_id LIMIT $4 FOR UPDATE SKIP LOCKED`,
    [...runParameters(run), limit, only],
  )
  return rows.map(({ system_id }) => system_id)
}
