import { beforeEach, describe, expect, it } from 'vitest'
import { getJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../job-image/db/runs/job-runs.ts'
import { inTransaction } from '../../../job-image/db/session/client.ts'
import { InputError, RunError } from '../../../job-image/errors.ts'
import { digestsOf } from '../../../job-image/run/digests.ts'
import type { RunOptions } from '../../../job-image/run/options.ts'
import { planRun } from '../../../job-image/run/plan.ts'
import type { PlannedRun } from '../../../job-image/run/plan.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const options = runRequest(url)

beforeEach(async () => {
  await client.query('TRUNCATE systems, controls, catalogs, job_runs, baselines RESTART IDENTITY CASCADE')
  await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2', 'AU-2'] })
})

const start = (changes: Partial<RunOptions> = {}): Promise<JobRun> =>
  startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: { digests: digestsOf({ ...options, ...changes }), theirs: 1 },
    runKey: `key-${Math.random()}`,
  })
const plan = (run: JobRun, changes: Partial<RunOptions> = {}): Promise<PlannedRun> =>
  inTransaction(client, () => planRun(client, run, { ...options, ...changes }))
const stored = async ({ id }: JobRun): Promise<JobRun> => (await getJobRun(client, id))!
const queued = async ({ id }: JobRun): Promise<number[]> => {
  const { rows } = await client.query<{ id: number }>(
    `SELECT system_id AS id FROM run_queue WHERE job_run_id = $1 ORDER BY 1`,
    [id],
  )
  return rows.map((row) => row.id)
}
const controlsDigest = ({ attributes }: JobRun): unknown =>
  (attributes['digests'] as Record<string, unknown>)['controls']

/** The digest of the controls after a change of the tables. */
async function digestAfter(sql: string): Promise<unknown> {
  await client.query(sql)
  const run = await start()
  await plan(run)
  return controlsDigest(await stored(run))
}

describe('the first attempt at a run', () => {
  it('queues the systems, and stores counts and digests beside what others stored', async () => {
    const run = await start()
    const planned = await plan(run)
    expect(planned.plan.controls.map(({ controlId }) => controlId)).toEqual(['AC-1', 'AC-2', 'AU-2'])
    expect(await queued(run)).toEqual([1, 2, 3])
    const row = await stored(run)
    expect(row.planned_at).not.toBeNull()
    expect(row.metrics).toEqual({ systems: 3, controls: 3, invalid_controls: 0, results_saved: 0, errors: 0 })
    expect(row.attributes).toEqual({
      theirs: 1,
      digests: { ...digestsOf(options), controls: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    })
  })

  it('takes the selected systems and controls, and names the scope of a baseline', async () => {
    await client.query(`
      INSERT INTO baselines (name, title, framework, loaded_at) VALUES ('own', 'Own', 'nist-800-53-rev5', now());
      INSERT INTO baseline_controls SELECT id, 'ac-2' FROM baselines`)
    const selection = { systems: { include: ['*-2'] }, controls: { baseline: 'own' } }
    const run = await start({ selection })
    const planned = await plan(run, { selection })
    expect(planned.plan.controls.map(({ controlId }) => controlId)).toEqual(['AC-2'])
    expect(await queued(run)).toEqual([2])
    expect(await stored(run)).toMatchObject({
      metrics: { systems: 1, controls: 1 },
      attributes: { scope: { text: 'systems *-2; all controls in baseline own' } },
    })
    const { rows } = await client.query('SELECT control_scope IS NOT NULL AS some FROM job_runs')
    expect(rows).toEqual([{ some: true }])
  })

  it('leaves out controls that are not active, and names up to 50 that cannot be evaluated', async () => {
    await client.query(`
      UPDATE controls SET attributes = '{"withdrawn": true}' WHERE control_id = 'AU-2';
      INSERT INTO control_requirements (control_id, required_all, required_any)
        SELECT id, '7', '[]' FROM controls WHERE control_id = 'AC-1';
      INSERT INTO controls (catalog_id, control_id, title, family, attributes)
        SELECT 1, 'AC-' || n, '', 'AC', '{}' FROM generate_series(101, 160) n;
      INSERT INTO control_requirements (control_id, required_all, required_any)
        SELECT id, '7', '[]' FROM controls WHERE control_id ~ 'AC-1\\d\\d'`)
    const run = await start()
    await plan(run)
    const { metrics, attributes } = await stored(run)
    expect(metrics).toMatchObject({ controls: 62, invalid_controls: 61 })
    const named = attributes['invalid_controls'] as object[]
    expect(named).toHaveLength(50)
    expect(named[0]).toEqual({
      control: 'AC-1',
      problem: expect.stringContaining('must be a list') as string,
    })
  })

  it('warns of a catalog without rules', async () => {
    await client.query(`UPDATE catalogs SET framework = 'iso-27001', title = 'ISO 27001'`)
    const events: unknown[] = []
    await plan(await start(), { observer: (event) => events.push(event) })
    expect(events).toEqual([
      {
        type: 'warning',
        message: expect.stringMatching(/no rule pack for its framework, iso-27001/) as string,
      },
    ])
  })
})

describe('a later attempt at a run', () => {
  it('has the same plan and queues nothing', async () => {
    const run = await start()
    const first = await plan(run)
    await client.query(`INSERT INTO systems (name, environment, created_at, attributes)
                        VALUES ('late', 'production', '2026-01-01', '{}')`)
    const later = await plan(run)
    expect(later.digest).toEqual(first.digest)
    expect(await queued(run)).toEqual([1, 2, 3])
  })

  it('is refused where the controls have changed', async () => {
    const run = await start()
    await plan(run)
    await client.query(`UPDATE controls SET remediation = 'other' WHERE id = 1`)
    await expect(plan(run)).rejects.toThrow(InputError)
    await expect(plan(run)).rejects.toThrow(/another set of controls/)
  })

  it('is refused where the run is lost', async () => {
    const run = await start()
    await client.query('DELETE FROM job_runs')
    await expect(plan(run)).rejects.toThrow(RunError)
  })
})

describe('the digest of the controls', () => {
  it.each([
    [`UPDATE controls SET title = 'other'`, true],
    [`UPDATE controls SET remediation = 'other' WHERE id = 1`, false],
    [`UPDATE controls SET attributes = '{"withdrawn": true}' WHERE id = 1`, false],
    [`UPDATE catalogs SET framework = 'own'`, false],
    [
      `INSERT INTO control_requirements (control_id, required_all, required_any) VALUES (1, '["sbom"]', '[]')`,
      false,
    ],
  ])('after %s is the same: %s', async (sql, same) => {
    const before = await digestAfter('SELECT 1')
    const after = await digestAfter(sql)
    if (same) expect(after).toBe(before)
    else expect(after).not.toBe(before)
  })

  it('is another one for a selection of them', async () => {
    const selection = { controls: { include: ['AC-1'] } }
    const run = await start({ selection })
    await plan(run, { selection })
    expect(controlsDigest(await stored(run))).not.toBe(await digestAfter('SELECT 1'))
  })
})
