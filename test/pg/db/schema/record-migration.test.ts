import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { migrationsDirectory } from '../../../../job-image/assets.ts'
import { InterruptedError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'
import { storedRun } from '../../../support/run-check.ts'
import { seedWorld } from '../../../support/world.ts'

/** A database with runs that were made before runs had records, migrated since. */

const MIGRATION = '0005_record'
const DOWN = readFileSync(join(migrationsDirectory(), `${MIGRATION}.sql`), 'utf8').split(
  '-- Down Migration',
)[1]!
const DAY = { months: 0, seconds: 86_400 }
const CONTROLS = ['AC-1', 'AC-2', 'AU-2', 'ZZ-1']

const { client, url } = await createDatabase()
const [bad] = (await seedWorld(client, { systems: 4, controls: CONTROLS })) as [number]
const folder = createFolder()
folder.write('config.yaml', `environments:\n  production: { database_url: "${url}" }\n`)
const cli = (...argv: readonly string[]): Promise<Ran> => runArgv(argv, { cwd: folder.path })

const ids = { complete: 0, incomplete: 0, running: 0 }

/** Removes the newest migration: its tables, and its row. */
const migrateDown = (): Promise<unknown> =>
  client.query(`BEGIN; ${DOWN}; DELETE FROM rapidrmf_migrations WHERE name = '${MIGRATION}'; COMMIT`)

/** The states and counts of all runs, from the table or the view of the schema. */
async function states(table: 'job_run_systems' | 'run_systems'): Promise<unknown[]> {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT job_run_id, system_id, state, results_run_id, pass, fail, insufficient_evidence, unknown, error,
            decided_at::text FROM ${table} ORDER BY 1, 2`,
  )
  return rows
}

/** A run that stops after its first batch of one system, and is as its process has left it. */
async function interrupted(runKey: string): Promise<number> {
  const stop = new AbortController()
  const observer = ({ type }: { readonly type: string }): void => {
    if (type === 'progress') stop.abort()
  }
  const request = runRequest(url, { runKey, batchSize: 1, signal: stop.signal, observer })
  await expect(executeRun(request)).rejects.toThrow(InterruptedError)
  const { rows } = await client.query<{ id: number }>('SELECT id FROM job_runs WHERE run_key = $1', [runKey])
  return rows[0]!.id
}

let before: unknown[] = []

beforeAll(async () => {
  await client.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.system_id = ${bad} THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  ids.complete = (await executeRun(runRequest(url, { runKey: 'complete' }))).runId!
  await client.query('DROP FUNCTION refuse CASCADE')
  ids.incomplete = await interrupted('incomplete')
  ids.running = await interrupted('running')
  await client.query(
    `UPDATE job_runs SET status = 'running', finished_at = NULL, verdict = NULL, error = NULL WHERE id = $1`,
    [ids.running],
  )
  await migrateDown()
  before = await states('job_run_systems')
  const { code, out, err } = await cli('db', 'migrate')
  if (code !== 0 || out !== `applied: ${MIGRATION}\n`) throw new Error(`not migrated: ${out}${err}`)
})

describe('runs from before the record', () => {
  it('keep their states and counts', async () => {
    const found = before as { readonly job_run_id: number; readonly state: string }[]
    const statesOf = (id: number): string[] =>
      found.filter((row) => row.job_run_id === id).map(({ state }) => state)
    expect(statesOf(ids.complete)).toEqual(['error', 'done', 'done', 'done'])
    expect(statesOf(ids.running)).toEqual(['done', 'pending', 'pending', 'pending'])
    expect(await states('run_systems')).toEqual(before)
  })

  it('keep them through a migration down and up', async () => {
    await migrateDown()
    expect(await states('job_run_systems')).toEqual(before)
    expect(await cli('db', 'migrate')).toMatchObject({ code: 0 })
    expect(await states('run_systems')).toEqual(before)
  })

  it('are shown with their systems', async () => {
    const { rows: results } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM validation_results WHERE job_run_id = $1`,
      [ids.complete],
    )
    expect(results[0]?.n).toBe(3 * CONTROLS.length)
    const shown = await cli('runs', 'show', String(ids.complete), '--json')
    expect(shown.code).toBe(0)
    expect(JSON.parse(shown.out)).toMatchObject({
      verdict: 'Incomplete',
      counts: { systems: 4, errors: 1, results_saved: 12 },
      systems: [{ state: 'error', error: 'not this one' }, ...[1, 2, 3].map(() => ({ state: 'done' }))],
    })
    const systems = await cli('runs', 'systems', String(ids.running), '--sort', 'system', '--json')
    expect(systems.code).toBe(0)
    expect(JSON.parse(systems.out)).toMatchObject([
      { system: 'production-system-1', state: 'done' },
      ...[1, 2, 3].map(() => ({ state: 'pending', pass: 0 })),
    ])
  })

  it('cannot be replayed, which is explained', async () => {
    expect(await cli('runs', 'replay', String(ids.complete))).toEqual({
      code: 2,
      out: '',
      err: `rapidrmf: run ${ids.complete} cannot be replayed: it was made before runs had records, or by another program\n`,
    })
  })

  it('are not called whole by the check of records', async () => {
    const { code, out } = await cli('record', 'verify', String(ids.complete))
    expect({ code, out }).toEqual({
      code: 0,
      out: `run ${ids.complete}: without a record, nothing to check\n`,
    })
  })

  it('have results in their table alone: the command says so', async () => {
    const { code, err } = await cli('results', '--run', String(ids.complete))
    expect(code).toBe(0)
    expect(err).toContain(
      `run ${ids.complete} was made before runs had records: its results are only in validation_results\n`,
    )
  })

  it.each(['running', 'incomplete'] as const)(
    'that are %s cannot be resumed and are not closed as done',
    async (key) => {
      const stored = await storedRun(client, key)
      const refused = `run ${ids[key]} (key ${key}) was planned before runs had records and cannot be resumed; use another run key`
      await expect(executeRun(runRequest(url, { runKey: key }))).rejects.toThrow(refused)
      const { code, err } = await cli('scheduler', 'once', '--run-key', key)
      expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(refused) as string })
      const { status, ...now } = await storedRun(client, key)
      expect(status).not.toBe('success')
      expect(now).toMatchObject({ pending: 3, rows: stored.rows })
    },
  )

  it('that have succeeded are only reported', async () => {
    expect(await cli('scheduler', 'once', '--run-key', 'complete')).toMatchObject({ code: 0 })
    expect(await storedRun(client, 'complete')).toMatchObject({ status: 'success', rows: 12 })
  })

  it('are not reused, and the next run has the record of all systems', async () => {
    const next = await executeRun(runRequest(url, { incremental: { fullEvery: DAY } }))
    expect(next).toMatchObject({ status: 'success', carried: 0, counts: { systems: 4, results: 16 } })
    expect(await cli('runs', 'replay', String(next.runId))).toMatchObject({ code: 0 })
    expect(await cli('record', 'verify', String(next.runId))).toMatchObject({ code: 0 })
    const latest = await cli('results', '--csv')
    expect(latest).toMatchObject({ code: 0, err: '' })
    expect(latest.out.match(/production-system-/g)).toHaveLength(16)
    // The abandoned run is closed, and not as a success.
    expect(await storedRun(client, 'running')).toMatchObject({ status: 'failed', pending: 3 })
  })

  it('lose their records in a migration down, and keep their counts', async () => {
    const counts = await states('run_systems')
    await migrateDown()
    expect(await states('job_run_systems')).toEqual(counts)
    expect(await cli('db', 'migrate')).toMatchObject({ code: 0 })
    expect(await states('run_systems')).toEqual(counts)
  })
})
