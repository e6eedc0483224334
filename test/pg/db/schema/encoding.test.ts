import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { migrationsDirectory } from '../../../../job-image/assets.ts'
import { databaseEncoding } from '../../../../job-image/db/schema/encoding.ts'
import { migrate } from '../../../../job-image/db/schema/schema.ts'
import { buildIndexes } from '../../../../job-image/db/schema/shared-indexes.ts'
import { loadRuleSet } from '../../../../job-image/rules/load.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const folder = createFolder()
folder.write('config.yaml', 'environments: { production: }\n')

it('that cannot store every text is refused before anything is made', async () => {
  const { client, url, name } = await createDatabase({ encoding: 'LATIN1' })
  const run = (...argv: string[]): Promise<Ran> =>
    runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })
  const problem = `the encoding of database "${name}" is LATIN1, which cannot store every text`
  const migrated = await run('db', 'migrate')
  expect(migrated.code).toBe(2)
  expect(migrated.err).toContain(problem)
  expect(migrated.err).toContain("ENCODING 'UTF8' TEMPLATE template0")
  const tables = await client.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`)
  expect(tables.rows).toEqual([])
  const status = await run('db', 'status')
  expect(status.code).toBe(2)
  expect(status.out).toContain(`encoding: ${problem}`)
})

it('is not found out in the middle of an import where the tables are there already', async () => {
  const { client, url } = await createDatabase({ encoding: 'LATIN1' })
  const utf8 = await createDatabase()
  const { rows } = await utf8.client.query<{ name: string }>('SELECT name FROM rapidrmf_migrations')
  await client.query(`
    CREATE TABLE rapidrmf_migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
    CREATE TABLE job_runs (run_key text, schedule_uid text, slot_at timestamp, status text);
    CREATE TABLE validation_results (job_run_id int, system_id int, control_id int);
    CREATE UNIQUE INDEX ux_job_runs_run_key ON job_runs (run_key);
    CREATE UNIQUE INDEX ux_job_runs_slot ON job_runs (slot_at);
    CREATE UNIQUE INDEX ux_job_runs_running ON job_runs (schedule_uid);
    CREATE UNIQUE INDEX ux_validation_results_run ON validation_results (job_run_id, system_id, control_id)`)
  await client.query('INSERT INTO rapidrmf_migrations (name, run_on) SELECT unnest($1::text[]), now()', [
    rows.map(({ name }) => name),
  ])
  const { code, err } = await runArgv(['catalog', 'import', '--builtin', 'nist-800-53-rev5'], {
    cwd: folder.path,
    env: { DATABASE_URL: url },
  })
  expect(code).toBe(2)
  expect(err).toMatch(/is LATIN1, which cannot store every text .*; nothing was changed/)
})

it('SQL_ASCII is used, and a name that is not UTF-8 is the problem of its own system', async () => {
  const { client, url } = await createDatabase({ encoding: 'SQL_ASCII' })
  await migrate(client)
  expect(await databaseEncoding(client)).toEqual({ encoding: 'SQL_ASCII', problem: null })
  const [bad] = await seedWorld(client, { systems: 3, controls: ['AC-2'] })
  await client.query(`UPDATE systems SET name = convert_from('\\x636166e9', 'SQL_ASCII') WHERE id = $1`, [
    bad,
  ])
  const counts = async (include: string[]): Promise<unknown> =>
    (await executeRun(runRequest(url, { selection: { systems: { include } } }))).counts
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM systems WHERE id <> $1 ORDER BY id',
    [bad],
  )
  const good = rows.map(({ name }) => name)
  expect(await counts(good)).toMatchObject({ systems: 2, results: 2, errors: 0 })
  // Its name cannot be spelt, but a pattern may mean it.
  expect(await counts(['caf*', ...good])).toMatchObject({ systems: 3 })
  expect((await executeRun(runRequest(url))).counts).toMatchObject({ systems: 3 })
})

it('a rule whose text it cannot store fails a run before anything of it is stored, published or not', async () => {
  const { client, url } = await createDatabase({ encoding: 'LATIN1' })
  await client.query(
    'CREATE TABLE rapidrmf_migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)',
  )
  for (const file of readdirSync(migrationsDirectory()).sort()) {
    const [up] = readFileSync(join(migrationsDirectory(), file), 'utf8').split('-- Down Migration')
    await client.query(up!)
    await client.query('INSERT INTO rapidrmf_migrations (name, run_on) VALUES ($1, now())', [
      file.replace('.sql', ''),
    ])
  }
  await buildIndexes(client, { lockWait: 1_000, deadline: Date.now() + 10_000 })
  await seedWorld(client, { systems: 2, controls: ['AC-2', 'AU-2'] })
  const pack = (remediation: string): string =>
    join(
      folder.path,
      folder.write(
        'pack.yaml',
        `name: mine\ntitle: Mine\ncontrols:\n  AU-2: { required_any: [other], remediation: "${remediation}" }\n`,
      ),
    )
  for (const publish of ['all', 'none'] as const) {
    const run = (remediation: string) =>
      executeRun(runRequest(url, { publish, ruleSet: loadRuleSet({ packs: [pack(remediation)] }) }))
    expect(await run('Prüfen')).toMatchObject({ status: 'success', counts: { results: 4, errors: 0 } })
    await client.query('TRUNCATE job_runs, validation_results CASCADE')
    await expect(run('監査')).rejects.toThrow(/has no equivalent in encoding "LATIN1"/)
    const { rows } = await client.query(
      `SELECT status, planned_at, (SELECT count(*)::int FROM run_queue) AS queued,
              (SELECT count(*)::int FROM run_records) AS records, (SELECT count(*)::int FROM validation_results) AS results
         FROM job_runs`,
    )
    expect(rows).toEqual([{ status: 'failed', planned_at: null, queued: 0, records: 0, results: 0 }])
    await client.query('TRUNCATE job_runs CASCADE')
  }
})
