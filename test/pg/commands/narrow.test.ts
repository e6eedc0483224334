import displayWidth from 'string-width'
import { beforeAll, describe, expect, test } from 'vitest'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import { onTerminal } from '../../support/terminal.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const env = { DATABASE_URL: url }
const folder = createFolder()
folder.write(
  'inventory.yaml',
  `environment: production-eu-central
systems:
  - { name: payments-api-of-the-northern-branch, evidence: [{ type: sbom, key: a, sha256: ${'a'.repeat(64)}, collected_at: 2026-01-01 }] }
`,
)

beforeAll(async () => {
  await seedWorld(client, { systems: 3, controls: ['AC-2', 'AC-2(10)', 'SC-12'] })
  const { code, err } = await runArgv(
    ['catalog', 'import', '--builtin', 'nist-800-53-rev5', '--name', 'ours'],
    {
      cwd: folder.path,
      env,
    },
  )
  if (code !== 0) throw new Error(err)
  await client.query(
    `INSERT INTO systems (name, environment, created_at, attributes)
     VALUES ('the-payment-gateway-of-the-northern-branch', 'production', '2026-01-01', '{}')`,
  )
  await client.query(
    `WITH house AS (
       INSERT INTO catalogs (name, title, framework, loaded_at, attributes)
       VALUES ('house-rules-of-the-northern-branch', 'House rules', 'house-rules', '2026-01-01', '{}') RETURNING id)
     INSERT INTO controls (catalog_id, control_id, title, family, attributes)
     SELECT id, 'AC-2', 'Accounts', 'AC', '{}' FROM house`,
  )
  await executeRun(runRequest(url))
  await client.query(
    `INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, error, metrics, attributes)
     VALUES ('validation', 'production', 'failed', '2026-01-08 02:00:15', '2026-01-08 02:03:42.5',
             'the database was away for longer than a run waits', '{}', '{}')`,
  )
})

const TABLES: readonly (readonly string[])[] = [
  ['scheduler', 'runs'],
  ['runs', 'show', '1'],
  ['catalog', 'list'],
  ['catalog', 'import', '--builtin', 'nist-800-53-rev5', '--name', 'ours', '--dry-run'],
  ['inventory', 'apply', `${folder.path}/inventory.yaml`, '--dry-run'],
  ['rules', 'list'],
  ['schedules', 'preview', '0 2 * * *', '--timezone', 'America/Argentina/Buenos_Aires'],
]

const tableLines = (lines: readonly string[]): string[] => lines.filter((line) => /^[┌│├└]/.test(line))

describe.each([40, 60, 80, 100, 160])('on a terminal of %i columns', (columns) => {
  test.each(TABLES)('%s %s fits', async (...argv) => {
    const lines = tableLines(await onTerminal(columns, argv, env))
    expect(lines.length).toBeGreaterThanOrEqual(5)
    expect(Math.max(...lines.map((line) => displayWidth(line)))).toBeLessThanOrEqual(columns)
  })
})

test('the verdict of a run is shown at every width, and what is left out is named', async () => {
  for (const columns of [40, 60, 80]) {
    const [, head] = await onTerminal(columns, ['runs', 'list'], env)
    expect(head).toMatch(/│ Verdict/)
  }
  const lines = await onTerminal(80, ['runs', 'list'], env)
  expect(lines[1]).toMatch(/^│ ID │ Env +│ Status +│ Started +│ Verdict +│ Error +│$/)
  expect(lines.at(-1)).toBe('not shown at this width: Finished')
  const wide = await onTerminal(160, ['runs', 'list'], env)
  expect(wide[1]).toMatch(/^│ ID │ Env +│ Status +│ Started +│ Finished +│ Verdict +│ Error +│$/)
  expect(wide.at(-1)).toMatch(/^└/)
})

describe.each([40, 60, 80])('results on a terminal of %i columns', (columns) => {
  test('are paragraphs that cut nothing', async () => {
    const lines = await onTerminal(columns, ['results', '--control', 'SC-12'], env)
    // A single word is not cut either, because keys and names are copied from here.
    const broken = lines.filter((line) => displayWidth(line) > columns && line.trim().includes(' '))
    expect(broken).toEqual([])
    expect(lines.join('\n')).not.toContain('…')
    const { out } = await runArgv(['results', '--control', 'SC-12', '--json'], { cwd: folder.path, env })
    const [first] = JSON.parse(out) as { system: string; message: string; remediation: string }[]
    const text = lines.join(' ').replaceAll(/\s+/g, ' ')
    for (const fact of [first?.system, first?.message, first?.remediation]) expect(text).toContain(fact)
  })
})

describe.each([100, 160])('results on a terminal of %i columns', (columns) => {
  test.each(['AC-2*', 'SC-12'])('are a table that fits: %s', async (control) => {
    const lines = tableLines(await onTerminal(columns, ['results', '--control', control], env))
    expect(lines.length).toBeGreaterThanOrEqual(5)
    expect(Math.max(...lines.map((line) => displayWidth(line)))).toBeLessThanOrEqual(columns)
  })
})

test('a number is never cut', async () => {
  const lines = await onTerminal(40, ['catalog', 'list'], env)
  expect(lines[1]).toMatch(/│ Con… │/)
  expect(lines.join('\n')).toMatch(/ 1189 │/)
})

test('results name the catalog where there are several', async () => {
  const [, several] = await onTerminal(160, ['results', '--control', 'AC-2'], env)
  expect(several).toMatch(/^│ Run │ System +│ Control │ Catalog +│ Status +│ Message +│/)
  const [, one] = await onTerminal(160, ['results', '--control', 'SC-12'], env)
  expect(one).not.toContain('Catalog')
  const { out } = await runArgv(['results', '--control', 'SC-12', '--csv'], { cwd: folder.path, env })
  expect(out).toMatch(/,catalog,confirmed_at\r\n(.*,nist-800-53-rev5,[^,]*\r\n)+$/)
})

describe('-o wide', () => {
  test.each([
    ...TABLES,
    ['runs', 'list'],
    ['runs', 'controls', 'latest'],
    ['runs', 'systems', 'latest'],
    ['systems', 'list'],
    ['notify', 'list'],
    ['results'],
  ])('%s %s shows on a terminal what it prints without one', async (...argv) => {
    const { out } = await runArgv(argv, { cwd: folder.path, env })
    const piped = tableLines(out.split('\n'))
    expect(piped.length).toBeGreaterThan(2)
    expect(tableLines(await onTerminal(40, [...argv, '-o', 'wide'], env))).toEqual(piped)
  })

  test('hides no column and cuts no text', async () => {
    const lines = await onTerminal(60, ['scheduler', 'runs', '--output', 'wide'], env)
    expect(lines[1]).toMatch(/│ Started +│ Finished +│ Verdict +│ Error +│$/)
    expect(lines.join('\n')).toContain('the database was away for longer than a run waits')
    expect(lines.join('\n')).not.toMatch(/…|not shown/)
  })

  test('any other format is refused, with the flag for JSON', async () => {
    const { code, err } = await runArgv(['runs', 'list', '-o', 'json'], { cwd: folder.path, env })
    expect(code).toBe(2)
    expect(err).toContain('expected wide, found "json"; --json prints JSON')
  })
})
