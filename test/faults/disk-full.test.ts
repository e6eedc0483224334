import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { executeRun } from '../../job-image/run/job.ts'
import { createDatabase } from '../support/database.ts'
import { runRequest } from '../support/request.ts'
import { expectExactlyOnce, expectWholeRecord, storedRun } from '../support/run-check.ts'
import { watchRun } from '../support/watch-run.ts'
import { seedWorld } from '../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 40
const RESULTS = SYSTEMS * 1007
await seedWorld(client, { systems: SYSTEMS })

const disk = mkdtempSync(join(tmpdir(), 'rapidrmf-disk-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=777', 'tmpfs', disk]).status === 0
if (!mounted) rmdirSync(disk)
const SKIPPED = mounted ? '' : ' (skipped: mounting a tmpfs takes root and CAP_SYS_ADMIN)'

/** Moves the results to a disk of 4 MiB, which has room for about 25,000 rows. */
async function useTinyDisk(): Promise<void> {
  // The server has another user, so it creates its folder itself.
  chmodSync(disk, 0o777)
  const folder = join(disk, 'space')
  const owner = await client.query<{ data_directory: string }>('SHOW data_directory')
  const directory = owner.rows[0]?.data_directory ?? ''
  spawnSync('install', ['-d', '-m', '700', folder])
  spawnSync('chown', [`--reference=${directory}`, folder])
  await client.query(`CREATE TABLESPACE tiny LOCATION '${folder}'`)
  await client.query('ALTER TABLE validation_results SET TABLESPACE tiny')
}

afterAll(async () => {
  if (!mounted) return
  await client
    .query(
      'ALTER TABLE validation_results SET TABLESPACE pg_default; ALTER TABLE run_details SET TABLESPACE pg_default',
    )
    .catch(() => undefined)
  await client.query('DROP TABLESPACE IF EXISTS tiny').catch(() => undefined)
  spawnSync('umount', ['-l', disk])
  rmdirSync(disk)
})

describe.skipIf(!mounted)(`a run on a full disk${SKIPPED}`, () => {
  it('fails with the reason, and its stored results stay', async () => {
    await useTinyDisk()
    const request = runRequest(url, { runKey: 'full' })
    const run = executeRun({ ...request, timing: { ...request.timing, outage: 1_000 } })
    await expect(run).rejects.toThrow(/No space left on device/)
    const { status, rows, pending } = await storedRun(client, 'full')
    expect(status).toBe('failed')
    expect(rows).toBe((SYSTEMS - pending) * 1007)
    expect(pending).toBeGreaterThan(0)
  })

  it('continues when there is space again', async () => {
    const { observer, saw } = watchRun()
    const run = executeRun(runRequest(url, { runKey: 'full', observer }))
    await saw('retrying')
    expect(spawnSync('mount', ['-o', 'remount,size=256m', disk]).status).toBe(0)
    await run
    await expectExactlyOnce(client, 'full', RESULTS)
  })

  it('without results of its own fails with the reason, and its stored records stay whole', async () => {
    const records = async (): Promise<number> => {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM run_records q JOIN run_details d USING (job_run_id, system_id)
          WHERE job_run_id = (SELECT id FROM job_runs WHERE run_key = 'full record')`,
      )
      return rows[0]!.n
    }
    await client.query(
      'TRUNCATE validation_results, run_details; ALTER TABLE run_details SET TABLESPACE tiny; CHECKPOINT',
    )
    // Keys that do not compress; there is room for the details of a few systems.
    await client.query(
      `UPDATE evidence e SET key = (SELECT string_agg(md5(random()::text || e.id || n), '') FROM generate_series(1, 8) n)`,
    )
    const used = Number(spawnSync('df', ['--output=used', '-k', disk]).stdout.toString().split('\n')[1])
    expect(spawnSync('mount', ['-o', `remount,size=${used + 64}k`, disk]).status).toBe(0)
    const request = runRequest(url, { runKey: 'full record', publish: 'none', batchSize: 4 })
    const run = executeRun({ ...request, timing: { ...request.timing, outage: 1_000 } })
    await expect(run).rejects.toThrow(/No space left on device/)
    const { status, pending } = await storedRun(client, 'full record')
    expect(status).toBe('failed')
    expect(pending).toBeGreaterThan(0)
    expect(await records()).toBe(SYSTEMS - pending)
    expect(spawnSync('mount', ['-o', 'remount,size=256m', disk]).status).toBe(0)
    await executeRun(request)
    await expectWholeRecord(client, 'full record', { systems: SYSTEMS, controls: 1007, publish: 'none' })
  })
})
