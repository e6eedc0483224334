import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { migrate } from '../../../../job-image/db/schema/schema.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const RAPIDRMF = readFileSync(new URL('../../../support/rapidrmf-schema.sql', import.meta.url), 'utf8')
const CONTROLS = ['AC-1', 'AC-2', 'AU-2']

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n  staging: {}\n')

const { client, url } = await createDatabase()
const cli = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })

async function remove(...argv: string[]): Promise<{ code: number; err: string; removed: unknown }> {
  const { code, out, err } = await cli('systems', 'remove', ...argv, '--json')
  return { code, err, removed: out === '' ? undefined : (JSON.parse(out) as unknown) }
}

async function rows(sql: string, session: Client = client): Promise<unknown[]> {
  return (await session.query<object>(sql)).rows
}

const TABLES = [
  'systems',
  'evidence',
  'validation_results',
  'job_runs',
  'run_queue',
  'run_records',
  'findings',
]
/** Every row of the tables that a removal could touch. */
async function everything(session: Client = client): Promise<unknown> {
  const tables: unknown[] = []
  for (const table of TABLES) {
    tables.push(await rows(`SELECT to_jsonb(t) FROM ${table} t ORDER BY to_jsonb(t)::text`, session))
  }
  return tables
}

beforeEach(async () => {
  await client.query(`TRUNCATE ${TABLES.join(', ')}, controls, catalogs RESTART IDENTITY CASCADE`)
  await seedWorld(client, { systems: 3, controls: CONTROLS })
  await seedWorld(client, { systems: 1, controls: CONTROLS, environment: 'staging' })
})

describe('systems list', () => {
  it('shows evidence and the newest run of each system', async () => {
    await executeRun(runRequest(url))
    const { code, out } = await cli('systems', 'list', '--json')
    expect(code).toBe(0)
    const listed = JSON.parse(out) as object[]
    expect(listed).toHaveLength(4)
    expect(listed[2]).toEqual({
      system: 'production-system-3',
      environment: 'production',
      description: null,
      created_at: '2026-01-01T00:00:00Z',
      evidence: 8,
      expired: 1,
      last_run: {
        run_id: 1,
        state: 'done',
        decided_at: expect.stringMatching(/Z$/) as string,
        pass: expect.any(Number) as number,
        not_pass: expect.any(Number) as number,
      },
    })
    expect(listed[3]).toMatchObject({ system: 'staging-system-1', last_run: null })
    const filtered = await cli('systems', 'list', '--env', 'production', '--system', '*-2')
    expect(filtered.out).toMatch(/production-system-2 │ production │ +8 │ +0 │ +1 │/)
    expect(filtered.out).not.toMatch(/system-1/)
  })
})

describe('systems remove', () => {
  it('removes a system that was never validated, with its evidence alone', async () => {
    expect(await remove('staging-system-1', '--yes')).toMatchObject({
      code: 0,
      removed: {
        removed: true,
        systems: [
          {
            system: 'staging-system-1',
            environment: 'staging',
            evidence: 8,
            results: 0,
            other_results: 0,
            runs: 0,
          },
        ],
      },
    })
    expect(await rows('SELECT DISTINCT system_id FROM evidence ORDER BY 1')).toEqual(
      [1, 2, 3].map((id) => ({ system_id: id })),
    )
    expect(await rows('SELECT name FROM systems ORDER BY name')).toHaveLength(3)
  })

  it('removes results only when asked to, and the run keeps its record', async () => {
    await executeRun(runRequest(url))
    const before = await everything()
    const refused = await remove('production-system-2', '--yes')
    expect(refused.code).toBe(2)
    expect(refused.err).toMatch(
      /system "production-system-2" has 3 results: add --results .*runs keep their counts/,
    )
    for (const argv of [['--dry-run'], []]) {
      const { code, removed } = await remove('production-system-2', '--results', ...argv)
      expect(code).toBe(argv.length === 0 ? 2 : 0)
      expect(removed).toMatchObject({
        removed: false,
        systems: [{ evidence: 8, results: 3, other_results: 0, runs: 1 }],
      })
    }
    expect(await everything()).toEqual(before)

    const counts = await rows('SELECT * FROM run_systems ORDER BY system_id')
    expect(await remove('production-system-2', '--results', '--yes')).toMatchObject({
      code: 0,
      removed: { removed: true },
    })
    expect(await rows('SELECT * FROM run_systems ORDER BY system_id')).toEqual(counts)
    expect(await rows('SELECT count(*)::int FROM validation_results')).toEqual([{ count: 6 }])
    const shown = await cli('runs', 'show', '1')
    expect(shown.out).toMatch(/Results pruned +\d{4}/)
    const systems = JSON.parse(
      (await cli('runs', 'systems', '1', '--sort', 'system', '--json')).out,
    ) as object[]
    expect(systems).toContainEqual(
      expect.objectContaining({ system: 'production-system-2', removed: true, state: 'done' }),
    )
    expect((await cli('runs', 'systems', '1')).out).toContain('production-system-2 (removed)')
    const results = await cli('results', '--run', '1', '--csv')
    expect(results.out.trim().split('\n')).toHaveLength(1 + 6)
    expect(results.err).toMatch(/pruned/)

    // Later removals add their names; later runs go on without these systems.
    expect(await remove('production-system-3', '--results', '--yes')).toMatchObject({ code: 0 })
    expect(await rows(`SELECT attributes -> 'removed_systems' AS removed FROM job_runs`)).toEqual([
      { removed: { '2': 'production-system-2', '3': 'production-system-3' } },
    ])
    const next = await executeRun(
      runRequest(url, { incremental: { fullEvery: { months: 0, seconds: 604_800 } } }),
    )
    expect(next).toMatchObject({ status: 'success', counts: { systems: 1, errors: 0 } })
    expect(await cli('db', 'prune', '--older-than', '0h', '--yes')).toMatchObject({ code: 0 })
  })

  it('takes patterns within an environment', async () => {
    const refused = await remove('*', '--yes')
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/pattern "\*" needs --env/) as string,
    })
    expect(await remove('*', '--env', 'staging', '--yes')).toMatchObject({ code: 0 })
    expect(await rows('SELECT DISTINCT environment FROM systems')).toEqual([{ environment: 'production' }])
  })

  it.each([
    [['production-system-9'], /no system "production-system-9"; did you mean "production-system-\d"/],
    [
      ['staging-system-1', '--env', 'production'],
      /no system "staging-system-1" in the environment "production"; it is in "staging"/,
    ],
    [['production-system-1', 'nothing'], /no system "nothing"/],
    [['production-system-1', '--env', 'prodution'], /no environment "prodution" .*did you mean "production"/],
    [[], /name the systems to remove; "rapidrmf systems list"/],
  ])('refuses %j', async (argv, message) => {
    const before = await everything()
    const { code, err } = await remove(...argv, '--yes')
    expect(err).toMatch(message)
    expect(code).toBe(2)
    expect(await everything()).toEqual(before)
  })

  it('refuses a system that other programs refer to, and names table and rows, all at once', async () => {
    const foreign = await createDatabase('empty')
    await foreign.client.query(RAPIDRMF)
    await migrate(foreign.client)
    await foreign.client.query(
      `CREATE SCHEMA crm; CREATE TABLE crm.contracts (id serial, system integer REFERENCES public.systems (id) ON DELETE CASCADE);
       INSERT INTO crm.contracts (system) VALUES (1), (1), (3)`,
    )
    const at = (...argv: string[]) =>
      runArgv(['systems', 'remove', ...argv], { cwd: folder.path, env: { DATABASE_URL: foreign.url } })
    const before = await everything(foreign.client)
    const { code, err } = await at('edge-1', 'core "db"', '--results', '--yes')
    expect(code).toBe(2)
    expect(err.split('\n').map((line) => line.replace('rapidrmf: ', ''))).toEqual([
      '2 rows of table crm.contracts refer to systems: remove them by the program that made them',
      '1 row of table findings refers to systems: remove it by the program that made it',
      '2 rows of table evidence_access_log refer to evidence: remove them by the program that made them',
      '1 row of table evidence_versions refers to evidence: remove it by the program that made it',
      'nothing was removed',
      '',
    ])
    expect(await everything(foreign.client)).toEqual(before)

    await foreign.client.query('DELETE FROM findings')
    const removed = await at('core "db"', '--results', '--yes', '--json')
    expect(removed.code).toBe(0)
    expect(JSON.parse(removed.out)).toMatchObject({
      systems: [{ evidence: 1, results: 0, other_results: 1, runs: 0 }],
    })
  })

  it('refuses rows that a trigger keeps', async () => {
    await client.query(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION keep()`)
    try {
      const before = await everything()
      const { code, err } = await remove('production-system-1', '--yes')
      expect(err).toMatch(/8 rows of table evidence could not be removed .*nothing was removed/)
      expect(code).toBe(2)
      expect(await everything()).toEqual(before)
    } finally {
      await client.query('DROP TRIGGER keep ON evidence; DROP FUNCTION keep')
    }
  })
})

describe('systems remove beside a run', () => {
  it.each(['pending', 'done'])(
    'refuses a system that is %s in a running run, also of a dead process',
    async (state) => {
      const table = state === 'pending' ? 'run_queue' : 'run_records'
      await client.query(
        `INSERT INTO job_runs (id, job_type, environment, status, started_at, run_key)
       VALUES (7, 'validation', 'production', 'running', '2026-01-01', 'key');
       INSERT INTO ${table} (job_run_id, system_id) VALUES (7, 1), (7, 2)`,
      )
      const before = await everything()
      const { code, err } = await remove('production-system-1', 'production-system-2', '--results', '--yes')
      expect(err).toMatch(/run 7 is running and includes 2 systems of these: wait for its end/)
      expect(code).toBe(2)
      expect(await everything()).toEqual(before)
      expect(await remove('production-system-3', '--yes')).toMatchObject({ code: 0 })
    },
  )

  it('waits for a batch that is being stored, and then sees its run', async () => {
    await client.query(
      `INSERT INTO job_runs (id, job_type, environment, status, started_at, run_key)
       VALUES (7, 'validation', 'production', 'running', '2026-01-01', 'key')`,
    )
    const batch = await connect({ url })
    await batch.query('BEGIN')
    await batch.query(`INSERT INTO run_queue (job_run_id, system_id) VALUES (7, 1)`)
    await batch.query(
      `INSERT INTO validation_results (system_id, control_id, status, evidence_keys, validated_at, attributes, job_run_id)
       VALUES (1, 1, 'PASS', '[]', now(), '{}', 7)`,
    )
    const removing = remove('production-system-1', '--results', '--yes')
    await waitsForLock()
    await batch.query('COMMIT')
    await disconnect(batch)
    const { code, err } = await removing
    expect(err).toMatch(/run 7 is running and includes 1 system of these/)
    expect(code).toBe(2)
    expect(await rows('SELECT count(*)::int FROM validation_results')).toEqual([{ count: 1 }])
  })

  it('lets a run that starts meanwhile plan without the system', async () => {
    // The trigger holds the removal at its last step until the test lets it go on.
    const gate = await connect({ url })
    await gate.query('SELECT pg_advisory_lock(42)')
    await client.query(`CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN OLD; END';
      CREATE TRIGGER pause BEFORE DELETE ON systems FOR EACH ROW EXECUTE FUNCTION pause()`)
    try {
      const removing = remove('production-system-1', '--yes')
      await waitsForLock()
      const running = executeRun(runRequest(url))
      await waitsForLock(2)
      await gate.query('SELECT pg_advisory_unlock(42)')
      expect(await removing).toMatchObject({ code: 0 })
      expect(await running).toMatchObject({ status: 'success', counts: { systems: 2, errors: 0 } })
    } finally {
      await disconnect(gate)
      await client.query('DROP TRIGGER pause ON systems; DROP FUNCTION pause')
    }
  })
})

/** Until this many sessions of the database wait for a lock. */
async function waitsForLock(sessions = 1): Promise<void> {
  await expect
    .poll(
      () =>
        rows(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`),
      { timeout: 10_000 },
    )
    .toHaveLength(sessions)
}
