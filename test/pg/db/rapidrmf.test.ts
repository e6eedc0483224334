import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { idSpace, refuseExhaustedIds, widenIds } from '../../../job-image/db/schema/id-exhaustion.ts'
import { getRecentJobRuns } from '../../../job-image/db/runs/job-runs.ts'
import { migrate, requireCurrentSchema, schemaStatus } from '../../../job-image/db/schema/schema.ts'
import { InputError, RunError } from '../../../job-image/errors.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'

const SCHEMA = readFileSync(new URL('../../support/rapidrmf-schema.sql', import.meta.url), 'utf8')

async function rapidrmfDatabase() {
  const database = await createDatabase('empty')
  await database.client.query(SCHEMA)
  return database
}

const filled = await rapidrmfDatabase()
const blocked = await rapidrmfDatabase()
const crowded = await rapidrmfDatabase()
const exhausted = await rapidrmfDatabase()
const newer = await createDatabase()

/** Every row of every table that RapidRMF made, without what was added to it. */
async function everything(client: Client): Promise<Record<string, unknown[]>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_name !~ '^(job_run_|run_|control_sets|plans|baseline|notification_|rapidrmf_)' ORDER BY 1`,
  )
  const added = [
    'run_key',
    'schedule_uid',
    'schedule',
    'slot_at',
    'verdict',
    'reference_time',
    'planned_at',
    'control_scope',
    'plan_digest',
    'job_run_id',
  ]
  const contents: Record<string, unknown[]> = {}
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: unknown }>(
      `SELECT to_jsonb(t) - $1::text[] AS row FROM ${name} t ORDER BY to_jsonb(t)::text`,
      [added],
    )
    contents[name] = rows.map(({ row }) => row)
  }
  return contents
}

describe('a database that RapidRMF made', () => {
  it('is migrated, keeps every row, and runs leave the rows of others alone', async () => {
    const { client, url } = filled
    const before = await everything(client)
    await expect(requireCurrentSchema(client)).rejects.toThrow(/rapidrmf db migrate/)
    expect(await migrate(client)).toContain('0002_run-lifecycle')
    expect(await everything(client)).toEqual(before)

    const request = runRequest(url)
    const summary = await executeRun(request)
    // AC-13 is withdrawn in rev5, AC-2, AC-3 and AU-2 are not.
    expect(summary).toMatchObject({ status: 'success', counts: { systems: 2, controls: 3, errors: 0 } })
    await expectExactlyOnce(client, request.runKey, 6)

    await client.query('DELETE FROM validation_results WHERE job_run_id IS NOT NULL')
    await client.query('DELETE FROM job_runs WHERE run_key IS NOT NULL')
    expect(await everything(client)).toEqual(before)
    const runs = await getRecentJobRuns(client)
    expect(runs.map(({ status, run_key }) => [status, run_key])).toEqual([
      ['failed', null],
      ['running', null],
      ['running', null],
      ['success', null],
    ])
  })

  it('keeps its types: ids stay integer where RapidRMF made them so', async () => {
    const { rows } = await filled.client.query(
      `SELECT DISTINCT data_type FROM information_schema.columns
        WHERE column_name = 'id' AND table_name IN ('job_runs', 'validation_results', 'systems', 'evidence')`,
    )
    expect(rows).toEqual([{ data_type: 'integer' }])
  })

  it('three processes migrate it at once: one works', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connect({ url: crowded.url })))
    const applied = await Promise.all(clients.map((client) => migrate(client)))
    expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
    await Promise.all(clients.map(disconnect))
    expect((await schemaStatus(crowded.client)).pending).toEqual([])
  })
})

describe('a long reader in the way of a migration', () => {
  it('is named, holds no other reader up for long, and the migration applies when it ends', async () => {
    const { client, url } = blocked
    const reader = await connect({ url, applicationName: 'nightly report' })
    await reader.query('BEGIN')
    await reader.query('SELECT count(*) FROM job_runs')

    const tooLong = migrate(client, { lockWait: 0 })
    await expect(tooLong).rejects.toThrow(RunError)
    await expect(tooLong).rejects.toThrow(/blocked by: pid \d+ \(nightly report, in a transaction since/)
    const timeout = await client.query<{ lock_timeout: string }>('SHOW lock_timeout')
    expect(timeout.rows[0]?.lock_timeout).toBe('0')

    const told: string[] = []
    const migration = migrate(client, { onProgress: (message) => told.push(message) })
    const other = await connect({ url })
    let longest = 0
    while (told.length < 2) {
      const from = performance.now()
      await other.query('SELECT count(*) FROM job_runs')
      longest = Math.max(longest, performance.now() - from)
      await sleep(20)
    }
    await reader.query('COMMIT')
    expect(await migration).toContain('0003_scope-and-inputs')
    expect(told[0]).toMatch(/nightly report/)
    expect(longest).toBeLessThan(3_000)
    // No lock of the migrations is left on the session that had to try again.
    const locks = await other.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
    expect(locks.rows).toHaveLength(0)
    await Promise.all([disconnect(reader), disconnect(other)])
  })
})

describe('ids of results that come to their end', () => {
  const useUp = (last: number): Promise<unknown> =>
    exhausted.client.query(`SELECT setval('validation_results_id_seq', $1)`, [last])

  it('warns at 80 %, refuses a run that does not fit before it has a row, and can be mended', async () => {
    const { client, url } = exhausted
    await migrate(client)
    const warnings: string[] = []
    const observer: NonNullable<Parameters<typeof runRequest>[1]>['observer'] = (event) => {
      if (event.type === 'warning') warnings.push(event.message)
    }
    await useUp(1_000_000)
    await executeRun(runRequest(url, { observer }))
    expect(warnings).toEqual([])

    await useUp(1_800_000_000)
    await executeRun(runRequest(url, { observer }))
    expect(warnings).toEqual([expect.stringMatching(/^84 % of the ids .* "rapidrmf db widen-ids --yes"$/)])

    await useUp(2_147_483_645)
    const before = await getRecentJobRuns(client)
    const refused = executeRun(runRequest(url))
    await expect(refused).rejects.toThrow(InputError)
    await expect(refused).rejects.toThrow(/2 are left .* run "rapidrmf db widen-ids --yes"/)
    expect(await getRecentJobRuns(client)).toEqual(before)
    const one = { selection: { controls: { include: ['AC-2'] } } }
    const { runKey: narrow } = await executeRun(runRequest(url, one))
    await expectExactlyOnce(client, narrow, 2)

    expect(await widenIds(client)).toBe(true)
    expect(await idSpace(client)).toBeUndefined()
    expect(await widenIds(client)).toBe(false)
    const never = (): never => expect.unreachable()
    await refuseExhaustedIds(client, 'production', never, never)
    const { runKey } = await executeRun(runRequest(url))
    await expectExactlyOnce(client, runKey, 6)
  })
})

describe('a database of a newer version', () => {
  it('is refused by runs and migrations', async () => {
    await newer.client.query(
      `INSERT INTO rapidrmf_migrations (name, run_on) VALUES ('9999_from-the-future', now())`,
    )
    for (const refuse of [() => executeRun(runRequest(newer.url)), () => migrate(newer.client)]) {
      const refused = refuse()
      await expect(refused).rejects.toThrow(InputError)
      await expect(refused).rejects.toThrow(/migrated by a newer version .*9999_from-the-future/)
    }
  })
})
