import { beforeAll, expect, it } from 'vitest'
import { reuseSystems } from '../../../../job-image/db/record/reuse.ts'
import { inTransaction } from '../../../../job-image/db/session/client.ts'
import type { RunRef } from '../../../../job-image/db/runs/run-ref.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 200
const NIGHTS = 5
const night = async (): Promise<number> =>
  (await executeRun(runRequest(url, { incremental: { fullEvery: { months: 0, seconds: 86_400 } } }))).runId!
let last = 0

// What no statistics know yet is what a new run always works on, so they are as old here as they can be.
beforeAll(async () => {
  await seedWorld(client, { systems: SYSTEMS, controls: ['AC-1', 'AC-2', 'AU-2'] })
  for (const table of ['job_runs', 'run_records', 'job_run_controls']) {
    await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
  }
  await night()
  await client.query('ANALYZE')
  for (let count = 1; count < NIGHTS; count += 1) last = await night()
})

/** How often an index of the table was asked, and how many of its rows were read, by what `work` does in one transaction. */
async function reads(table: string, work: () => Promise<unknown>): Promise<{ scans: number; rows: number }> {
  return inTransaction(client, async () => {
    await work()
    const { rows } = await client.query<{ scans: number; rows: number }>(
      `SELECT idx_scan::int AS scans, (idx_tup_fetch + seq_tup_read)::int AS rows
         FROM pg_stat_xact_user_tables WHERE relname = $1`,
      [table],
    )
    return rows[0]!
  })
}

it('makes the digest of each system once, however many runs there have been', async () => {
  const { scans } = await reads('evidence', async () => {
    const { rows } = await client.query<RunRef>(
      `INSERT INTO job_runs (job_type, environment, status, started_at, reference_time, metrics, attributes)
       SELECT job_type, environment, 'failed', started_at, reference_time, '{}', '{}' FROM job_runs WHERE id = $1
       RETURNING id, run_key, reference_time`,
      [last],
    )
    const { rows: plans } = await client.query<{ input_digest: Buffer }>(
      'SELECT input_digest FROM run_records WHERE job_run_id = $1 LIMIT 1',
      [last],
    )
    await reuseSystems(client, {
      run: rows[0]!,
      environment: 'production',
      only: null,
      // Of another plan: every digest is made, and none fits.
      planDigest: plans[0]!.input_digest,
      fullEvery: { months: 0, seconds: 86_400 },
      published: true,
    })
  })
  expect(scans).toBe(SYSTEMS)
})
