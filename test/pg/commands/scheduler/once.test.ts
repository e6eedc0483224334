import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MAX_SUMMARY_BYTES, decodeRunSummary } from '../../../../crds/run-summary.ts'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 3, controls: ['AC-2', 'AC-3', 'CM-6', 'ZZ-1'] })
await seedWorld(client, { systems: 2, environment: 'staging', evidence: [] })
await client.query(
  `INSERT INTO systems (name, environment, created_at, attributes) VALUES ('x', 'other', now(), '{}')`,
)

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n  staging: {}\n  empty: {}\n')

const rapidrmf = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })
const summaryIn = (name: string) => decodeRunSummary(readFileSync(join(folder.path, name), 'utf8'))

describe('scheduler once', () => {
  it('prints the verdict and the counts, and exits 0 whatever it found', async () => {
    const { code, out, err } = await rapidrmf('scheduler', 'once')
    expect(code).toBe(0)
    expect(out).toMatch(/^Run \d+: Findings — \d+ of 12 results are not pass \(3 systems, 4 controls\)\n/)
    expect(out).toContain('\npass 7 · fail 0 · insufficient evidence 2 · unknown 3 · errors 0\n')
    expect(err).toMatch(/^started run \d+ \(attempt 1\)\n3 systems, 4 controls\n$/)
  })

  it('exits 3 with --fail-on findings', async () => {
    expect((await rapidrmf('scheduler', 'once', '--fail-on', 'findings')).code).toBe(3)
  })

  it('prints JSON that is the summary in snake_case', async () => {
    const { code, out } = await rapidrmf('scheduler', 'once', '--env', 'staging', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      environment: 'staging',
      final: true,
      status: 'success',
      verdict: 'Findings',
      counts: { systems: 2, controls: 4, results: 8, pass: 0, not_pass: 8, unknown: 2, errors: 0 },
    })
  })

  it('writes the summary file, on success and on failure', async () => {
    await rapidrmf('scheduler', 'once', '--run-key', 'filed', '--summary-file', 'good.json')
    expect(summaryIn('good.json')).toMatchObject({ runKey: 'filed', final: true, verdict: 'Findings' })

    const { code } = await rapidrmf('scheduler', 'once', '--env', 'prod', '--summary-file', 'bad.json')
    expect(code).toBe(2)
    expect(summaryIn('bad.json')).toMatchObject({ final: false, verdict: 'Errored', reason: 'InvalidInput' })
    expect(readFileSync(join(folder.path, 'bad.json')).length).toBeLessThanOrEqual(MAX_SUMMARY_BYTES)
  })

  it('names in the row and in "runs show" the controls that could not be evaluated', async () => {
    const bad = await createDatabase()
    await seedWorld(bad.client, { systems: 1, controls: ['AC-2', 'AU-2'] })
    await bad.client.query(
      `INSERT INTO control_requirements (control_id, required_any, required_all)
       SELECT id, '{}', '[]' FROM controls WHERE control_id = 'AU-2'`,
    )
    const at = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: bad.url } })
    const { out, err } = await at('scheduler', 'once')
    expect(out).toContain('Incomplete')
    expect(err).toMatch(/warning: AU-2: .*required_any must be a list of evidence types, found an object/)
    const shown = await at('runs', 'show', '1')
    expect(shown.out).toMatch(/Controls that could not be evaluated[^]*AU-2[^]*required_any must be a list/)
  })

  it('refuses a summary file that cannot be written before anything runs', async () => {
    const { rows: before } = await client.query('SELECT count(*) FROM job_runs')
    const { code, err } = await rapidrmf('scheduler', 'once', '--summary-file', 'no/such/folder.json')
    expect(code).toBe(2)
    expect(err).toContain('no/such/folder.json: cannot write the summary')
    expect((await client.query('SELECT count(*) FROM job_runs')).rows).toEqual(before)
  })

  it('is Incomplete, exit 0, for an environment without systems', async () => {
    const { code, out } = await rapidrmf('scheduler', 'once', '--env', 'empty')
    expect(code).toBe(0)
    expect(out).toContain('Incomplete — environment "empty" has no systems')
  })

  it('refuses a run key that belongs to another environment', async () => {
    await rapidrmf('scheduler', 'once', '--run-key', 'mine')
    const { code, err } = await rapidrmf('scheduler', 'once', '--run-key', 'mine', '--env', 'staging')
    expect(code).toBe(2)
    expect(err).toContain('run key mine belongs to run')
  })
})

it('does not go on with a run that was pruned', async () => {
  await client.query(
    `INSERT INTO job_runs (job_type, environment, status, started_at, run_key, attributes)
     SELECT 'validation', 'production', 'failed', now(), 'pruned',
            (SELECT attributes::jsonb || '{"pruned_at": "2026-01-01T00:00:00Z"}' FROM job_runs
              WHERE environment = 'production' AND run_key IS NOT NULL LIMIT 1)`,
  )
  const { code, err } = await rapidrmf('scheduler', 'once', '--run-key', 'pruned')
  expect(err).toContain('was pruned and cannot be resumed; use another run key')
  expect(code).toBe(2)
})

describe('bad input ends with exit 2 before a row is written', () => {
  const cases: [name: string, argv: string[], message: RegExp][] = [
    [
      'unknown environment',
      ['--env', 'prodution'],
      /config.yaml: there is no environment "prodution" here; did you mean "production"\?/,
    ],
    [
      'missing configuration',
      ['--config', 'none.yaml'],
      /none.yaml: cannot read this configuration: no such file/,
    ],
    ['a folder as configuration', ['--config', '.'], /it is a directory/],
    ['unknown option', ['--enviroment', 'x'], /Unknown arguments/],
    ['long run key', ['--run-key', 'k'.repeat(256)], /a run key has 1 to 255 characters/],
    ['slot without schedule', ['--slot', '2026-01-01T00:00:00Z'], /--slot needs --schedule-uid/],
    ['slot that is no time', ['--schedule-uid', 'u', '--slot', 'noon'], /--slot: not a timestamp/],
    ...[
      'infinity',
      '-infinity',
      '0044-03-15T12:00:00 BC',
      '294277-01-01T00:00:00Z',
      '10000-01-01T00:00:00Z',
    ].map((slot): [string, string[], RegExp] => [
      `slot ${slot}`,
      ['--schedule-uid', 'u', `--slot=${slot}`],
      /--slot: expected a time of the years 1 to 9999 such as 2026-11-24T02:00:00Z, found "/,
    ]),
    [
      'wrong password',
      ['--database-url', url.replace(/postgres:[^@]*@/, 'postgres:wrong@')],
      /check user and password/,
    ],
    ['no such database', ['--database-url', url.replace(/t_\w+$/, 'nowhere')], /check the database name/],
    ['not a URL', ['--database-url', 'mysql://x'], /--database-url: not a PostgreSQL URL/],
  ]
  it.each(cases)('%s', async (_name, argv, message) => {
    const { rows: before } = await client.query('SELECT count(*) FROM job_runs')
    const { code, err } = await rapidrmf('scheduler', 'once', ...argv)
    expect(err).toMatch(message)
    expect(code).toBe(2)
    expect((await client.query('SELECT count(*) FROM job_runs')).rows).toEqual(before)
  })

  it.each([
    [
      'environments: {production: {database_uri: x}}\n',
      /:1:29: environments.production.database_uri: unknown key; did you mean "database_url"\?/,
    ],
    ['environments: [\n', /bad.yaml:\d+:\d+: /],
    [
      'environments:\n  production:\n    database_url: 5\n',
      /bad.yaml:3:5: environments.production.database_url/,
    ],
    [
      'environments: {production: {}}\nrule_packs: [nowhere.yaml]\n',
      /nowhere.yaml: cannot read this rule pack: no such file/,
    ],
  ])('configuration %j', async (text, message) => {
    folder.write('bad.yaml', text)
    const { code, err } = await rapidrmf('scheduler', 'once', '--config', 'bad.yaml')
    expect(err).toMatch(message)
    expect(code).toBe(2)
  })

  it.skipIf(process.getuid?.() === 0)(
    'unreadable configuration (as root, every file is readable)',
    async () => {
      folder.write('secret.yaml', 'environments: {production: {}}\n')
      chmodSync(join(folder.path, 'secret.yaml'), 0)
      const { code, err } = await rapidrmf('scheduler', 'once', '--config', 'secret.yaml')
      expect(err).toContain('permission denied')
      expect(code).toBe(2)
    },
  )
})

describe('a database without our tables', () => {
  it('is refused with the command that mends it, or migrated first with --migrate', async () => {
    const bare = await createDatabase('empty')
    const once = (...argv: string[]) =>
      runArgv(['scheduler', 'once', ...argv], { cwd: folder.path, env: { DATABASE_URL: bare.url } })
    const refused = await once()
    expect(refused.err).toContain('run "rapidrmf db migrate" first')
    expect(refused.code).toBe(2)
    const migrated = await once('--migrate')
    expect(migrated.err).toContain('migrated: 0001_shared-tables')
    expect(migrated.code).toBe(0)
  })
})
