import { expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { InterruptedError, asError } from '../../../job-image/errors.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { failureSummary } from '../../../job-image/run/summary.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 4, controls: ['AC-2', 'AU-2', 'CM-6'] })

/** Runs with one system a batch until the first is stored, then is stopped. */
async function stopAfterOneSystem(runKey: string): Promise<{ error: Error; left: RunSummary | undefined }> {
  const stop = new AbortController()
  let left: RunSummary | undefined
  const request = runRequest(url, {
    runKey,
    batchSize: 1,
    signal: stop.signal,
    observer: (event) => {
      if (event.type === 'progress') stop.abort()
      if (event.type === 'left') left = event.summary
    },
  })
  const error = await executeRun(request).then(() => new Error('was not stopped'), asError)
  return { error, left }
}

it('a process that is stopped says what the run it closed has come to', async () => {
  const { error, left } = await stopAfterOneSystem('alone')
  expect(error).toBeInstanceOf(InterruptedError)
  expect(failureSummary('alone', 'production', error, left)).toMatchObject({
    runKey: 'alone',
    final: true,
    status: 'failed',
    verdict: 'Errored',
    reason: 'Interrupted',
    counts: { systems: 4, controls: 3, results: 3 },
  })
  const { rows } = await client.query(
    'SELECT count(*)::int AS n FROM validation_results WHERE job_run_id = $1',
    [left?.runId],
  )
  expect(rows).toEqual([{ n: 3 }])
  const attempts = await client.query('SELECT outcome, error FROM job_run_attempts WHERE job_run_id = $1', [
    left?.runId,
  ])
  expect(attempts.rows).toEqual([{ outcome: 'interrupted', error: `interrupted: ${error.message}` }])
})

it('a process that leaves a run to a peer says how far it is, and that this is not its end', async () => {
  await stopAfterOneSystem('shared')
  const { rows } = await client.query<{ id: number }>(
    `UPDATE job_runs SET status = 'running', finished_at = NULL WHERE run_key = 'shared' RETURNING id`,
  )
  await client.query(
    `INSERT INTO job_run_attempts (job_run_id, attempt, worker, host, started_at, heartbeat_at)
     SELECT $1, 99, 'peer', 'elsewhere', now, now FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t`,
    [rows[0]?.id],
  )
  const { left } = await stopAfterOneSystem('shared')
  expect(left).toMatchObject({ final: false, status: 'running', counts: { systems: 4, results: 6 } })
})
