import { beforeEach, describe, expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { runCli } from '../../../support/cli.ts'
import { createDatabase } from '../../../support/database.ts'
import { addForeignResult, addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'
import { onTerminal } from '../../../support/terminal.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const other = await createDatabase()
const folder = createFolder()
folder.write(
  'config.yaml',
  `environments:
  production: { database_url: "${url}" }
  test: { database_url: "${url}" }
  staging: { database_url: "${other.url}" }
`,
)
const CONTROLS = ['AC-10', 'AC-2', 'AC-02(01)', 'SC-12']
const systems = await seedWorld(client, { systems: 2, controls: CONTROLS })
await seedWorld(client, { environment: 'test', systems: 1 })
await seedWorld(other.client, { environment: 'staging', systems: 1, controls: ['AU-2'] })
const controls = await controlIds(client)
const [first, second] = systems as [number, number]

beforeEach(async () => {
  await clearHistory(client)
  await clearHistory(other.client)
  await client.query(`UPDATE systems SET name = 'production-system-1' WHERE id = $1`, [first])
})

const cli = (...argv: readonly string[]): Promise<Ran> => runArgv(['results', ...argv], { cwd: folder.path })

type Json = Record<string, unknown>

async function json(...argv: readonly string[]): Promise<Json[]> {
  const { code, out, err } = await cli('--json', ...argv)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out) as Json[]
}

const brief = (rows: readonly Json[]): string[] =>
  rows.map(({ run_id: run, system, control, status }) => [run, system, control, status].join(' '))

/** RFC 4180, read by the book. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [[]]
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    records.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '\r\n') records.push([])
  }
  return records.slice(0, -1)
}

describe('results', () => {
  it('are those of a run, system by system and control by control', async () => {
    const { runId } = await executeRun(runRequest(url))
    await executeRun(runRequest(url))
    const rows = await json('--run', String(runId))
    expect(rows.map(({ run_id: run, system, control }) => [run, system, control])).toEqual(
      ['production-system-1', 'production-system-2'].flatMap((system) =>
        ['AC-2', 'AC-2.1', 'AC-10', 'SC-12'].map((control) => [runId, system, control]),
      ),
    )
    expect(Object.keys(rows[0] ?? {})).toEqual(
      'run_id system control status message evidence_keys remediation validated_at environment catalog confirmed_at attributes'.split(
        ' ',
      ),
    )
    expect(rows[0]).toMatchObject({ environment: 'production', catalog: 'nist-800-53-rev5' })
    expect(rows[0]?.['validated_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/)
  })

  it('are filtered before they are limited', async () => {
    const fails = { systemId: second, controlIds: controls.slice(1, 2), status: 'FAIL' }
    const id = await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
    const other = await addRun(client, { answers: [fails] })
    const failing = [`${other} production-system-2 AC-2 fail`]
    expect(brief(await json('--status', 'fail', '--limit', '1'))).toEqual(failing)
    expect(brief(await json('--run', String(other), '--status', 'fail', '--limit', '1'))).toEqual(failing)
    expect(brief(await json('--system', 'production-system-2'))).toEqual(failing)
    expect(brief(await json('--system', '*-system-?', '--control', 'ac-2'))).toEqual([
      `${id} production-system-1 AC-2 pass`,
      ...failing,
    ])
    expect(brief(await json('--limit', '2'))).toHaveLength(2)
  })

  it.each([
    ['AC-02(1)', ['AC-2.1']],
    ['ac-2', ['AC-2']],
    ['AC-*', ['AC-2', 'AC-2.1', 'AC-10']],
    ['ac-02(*)', ['AC-2.1']],
    ['?C-1*', ['AC-10', 'SC-12']],
  ])('know the control %s', async (control, found) => {
    await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
    expect((await json('--control', control)).map((row) => row['control'])).toEqual(found)
  })

  it('come from every database, or from one environment', async () => {
    await addRun(client, { answers: [{ systemId: first, controlIds: controls.slice(0, 1) }] })
    const [staging] = (await other.client.query<{ id: number }>('SELECT id FROM systems')).rows
    await addRun(other.client, { answers: [{ systemId: staging!.id, controlIds: [1] }] })
    expect(brief(await json())).toEqual(['1 production-system-1 AC-10 pass', '1 staging-system-1 AU-2 pass'])
    expect(brief(await json('--limit', '1'))).toHaveLength(1)
    expect(brief(await json('--env', 'staging'))).toEqual(['1 staging-system-1 AU-2 pass'])
    expect(brief(await json('--control', 'AU-2'))).toEqual(['1 staging-system-1 AU-2 pass'])
    expect((await cli('--run', '1')).err).toMatch(/more than one database has a run 1/)
    expect(brief(await json('--run', '1', '--env', 'test'))).toEqual(['1 production-system-1 AC-10 pass'])
  })

  it('show rows of other programs', async () => {
    await addForeignResult(client, {
      systemId: first,
      controlId: controls[0]!,
      validatedAt: 'infinity',
      message: null,
    })
    expect(await json()).toEqual([
      expect.objectContaining({
        run_id: null,
        message: null,
        validated_at: 'infinity',
        evidence_keys: ['theirs.json'],
      }),
    ])
    expect((await cli()).out).toContain('theirs.json')
  })

  it('may be none', async () => {
    const none = { code: 0, err: 'no results\n' }
    expect(await cli('--system', 'test-system-1')).toMatchObject({ ...none, out: '' })
    expect(await cli('--json')).toMatchObject({ ...none, out: '[]\n' })
    const csv = await cli('--csv')
    expect(parseCsv(csv.out)).toHaveLength(1)
  })

  it.each([
    [['--run', '7'], /no run 7 in .*"rapidrmf runs list" lists/],
    [['--run', '0'], /whole number/],
    [['--system', 'nobody'], /no system in .* is called "nobody"/],
    [['--system', 'nobody*'], /no system in .* is called "nobody\*"/],
    [['--env', 'test', '--system', 'production-system-1'], /another environment has it/],
    [['--control', 'AC-99'], /no control in .* is called "AC-99"/],
    [['--control', "'; DROP"], /no control in/],
    [['--status', 'passed'], /'pass', 'fail', 'insufficient_evidence', 'unknown'/],
    [['--json', '--csv'], /choose one/],
  ])('refuse %j', async (argv, message) => {
    const { code, out, err } = await cli(...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).not.toContain(new URL(url).password)
  })
})

describe('odd names', () => {
  const NAME = '=HYPERLINK("x"),\t\u001B[31mred\r\nline 🦊 %_\\'

  beforeEach(async () => {
    await client.query('UPDATE systems SET name = $1 WHERE id = $2', [NAME, first])
    await addRun(client, { answers: [{ systemId: first, controlIds: controls.slice(0, 1) }] })
    const decision = {
      status: 'pass',
      message: '@sum',
      evidence: [{ key: 'a,"b".json' }, { key: 'c.json' }],
      remediation: '- do\n- that',
      attributes: {},
    }
    await client.query('UPDATE run_details SET decisions = $1', [JSON.stringify([decision])])
  })

  it('are exact in JSON and found by their exact name', async () => {
    expect(await json('--system', NAME)).toMatchObject([
      { system: NAME, message: '@sum', evidence_keys: ['a,"b".json', 'c.json'] },
    ])
    expect(await json('--system', '=HYPER*%_\\')).toHaveLength(1)
  })

  it('cannot become formulas in a spreadsheet, nor break a CSV record', async () => {
    const [header, record, ...more] = parseCsv((await cli('--csv')).out)
    expect(more).toEqual([])
    expect(header).toHaveLength(11)
    expect(record).toEqual(
      ['1', `'${NAME}`, 'AC-10', 'pass', "'@sum", '["a,\\"b\\".json","c.json"]', "'- do\n- that"].concat(
        record!.slice(7),
      ),
    )
  })

  it('stay on their line of the table, and send nothing to the terminal', async () => {
    const { out } = await cli()
    expect(out.trimEnd().split('\n')).toHaveLength(5)
    for (const control of ['\u001B', '\r', '\t']) expect(out).not.toContain(control)
    const lines = await onTerminal(80, ['results'], { DATABASE_URL: url })
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(81)
  })
})

describe('the process', () => {
  it.each(['--json', '--csv', ''])('ends in silence when its reader has seen enough (%s)', async (format) => {
    // Some 500 KB: a pipe holds 64.
    await client.query(
      `INSERT INTO systems (name, environment, created_at, attributes)
       SELECT 'many-' || n, 'production', now(), '{}' FROM generate_series(1, 500) n ON CONFLICT DO NOTHING`,
    )
    const { rows } = await client.query<{ id: number }>(`SELECT id FROM systems WHERE name LIKE 'many-%'`)
    await addRun(client, { answers: rows.map(({ id }) => ({ systemId: id, controlIds: controls })) })
    const argv = ['results', ...(format === '' ? [] : [format])]
    const { code, stdout, stderr } = await runCli(argv, { env: { DATABASE_URL: url }, pipeTo: '| head -1' })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toHaveLength(2)
  })
})
