import displayWidth from 'string-width'
import { beforeEach, describe, expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { runCli } from '../../../support/cli.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { onTerminal } from '../../../support/terminal.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const second = await createDatabase()
const folder = createFolder()
folder.write(
  'config.yaml',
  `environments:
  production: { database_url: "${url}" }
  test: { database_url: "${url.replace('postgresql:', 'postgresql+asyncpg:')}" }
  staging: { database_url: "${second.url}" }
  bare: {}
`,
)
const systems = await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2'] })

beforeEach(async () => {
  await clearHistory(client)
  await clearHistory(second.client)
})

const cli = (...argv: readonly string[]) => runArgv(argv, { cwd: folder.path })

type Json = Record<string, unknown>

async function json(...argv: readonly string[]): Promise<Json[]> {
  const { code, out, err } = await cli('scheduler', 'runs', '--json', ...argv)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out) as Json[]
}

type Row = { environment?: string; status?: string; startedAt: string; finishedAt?: string; error?: string }

async function insert(database: typeof client, row: Row): Promise<void> {
  await database.query(
    `INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, error, metrics, attributes)
     VALUES ('validation', $1, $2, $3, $4, $5, '{"results_saved": 42, "errors": 0}', '{"triggered_by": "scheduler"}')`,
    [
      row.environment ?? 'production',
      row.status ?? 'success',
      row.startedAt,
      row.finishedAt ?? null,
      row.error ?? null,
    ],
  )
}

describe('scheduler runs', () => {
  it("shows RapidRMF's keys first, times as ISO-8601 with Z, nulls where another program left them", async () => {
    await insert(client, { startedAt: '2026-01-08 02:00:15', finishedAt: '2026-01-08 02:03:42.5' })
    const rows = await json('--env', 'production')
    expect(JSON.stringify(rows)).toBe(
      JSON.stringify([
        {
          id: 1,
          environment: 'production',
          status: 'success',
          started_at: '2026-01-08T02:00:15Z',
          finished_at: '2026-01-08T02:03:42.500000Z',
          error: null,
          metrics: { results_saved: 42, errors: 0 },
          attributes: { triggered_by: 'scheduler' },
          job_type: 'validation',
          run_key: null,
          schedule: null,
          slot_at: null,
          verdict: null,
          reference_time: null,
          silent_since: null,
        },
      ]),
    )
  })

  it('filters before the limit', async () => {
    await insert(client, { startedAt: '2026-01-01', status: 'failed', error: 'the old one' })
    for (let day = 2; day <= 28; day += 1) {
      await insert(client, {
        startedAt: `2026-01-${day}`,
        environment: day % 2 === 0 ? 'production' : 'test',
      })
    }
    expect(await json()).toHaveLength(20)
    expect(await json('--status', 'failed', '--limit', '1')).toMatchObject([{ error: 'the old one' }])
    expect(await json('--env', 'test', '--limit', '2')).toMatchObject([{ id: 27 }, { id: 25 }])
  })

  it('merges every database of the configuration, newest first, each read once', async () => {
    await insert(client, { startedAt: '2026-01-01' })
    await insert(client, { startedAt: '2026-01-03', environment: 'test' })
    await insert(client, { startedAt: '-infinity', environment: 'test' })
    await insert(second.client, { startedAt: '2026-01-02', environment: 'staging' })
    await insert(second.client, { startedAt: 'infinity', environment: 'staging', finishedAt: 'infinity' })
    await insert(second.client, { startedAt: 'infinity', environment: 'staging' })
    const order = async (...argv: readonly string[]) =>
      (await json(...argv)).map(({ environment, id, started_at }) => [environment, id, started_at])
    expect(await order()).toEqual([
      ['staging', 3, 'infinity'],
      ['staging', 2, 'infinity'],
      ['test', 2, '2026-01-03T00:00:00Z'],
      ['staging', 1, '2026-01-02T00:00:00Z'],
      ['production', 1, '2026-01-01T00:00:00Z'],
      ['test', 3, '-infinity'],
    ])
    expect(await order('--limit', '3')).toHaveLength(3)
    expect(await order('--env', 'staging')).toHaveLength(3)
  })

  it('is one JSON document however narrow the terminal', async () => {
    const error = `${'long words '.repeat(500)}\n"quoted"\t\u001B[31mred 🦊`
    await insert(client, { startedAt: '2026-01-01', status: 'failed', error })
    const { code, stdout, stderr } = await runCli(['scheduler', 'runs', '--json'], {
      env: { DATABASE_URL: url, COLUMNS: '80' },
      cwd: folder.path,
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject([{ error }])
    expect(stdout).not.toContain('\u001B')
  })

  it("looks like RapidRMF's table, with the verdict, and fits the terminal", async () => {
    await insert(client, { startedAt: '2026-01-08 02:00:15.25', finishedAt: '2026-01-08 02:03:42' })
    const failed = { status: 'failed', error: 'Database\nwas \u001B[2Jaway 🦊'.repeat(20) }
    await insert(client, { startedAt: '2026-01-07 02:00:10', finishedAt: 'infinity', ...failed })
    for (const width of [80, 100, 120]) {
      const all = await onTerminal(width, ['scheduler', 'runs'], { DATABASE_URL: url })
      const lines = all.slice(0, 6)
      expect(all.slice(6)).toEqual(width === 80 ? ['not shown at this width: Finished'] : [])
      expect(lines.map((line) => displayWidth(line))).toEqual(lines.map(() => width))
    }
    const [, head, , first, next] = await onTerminal(100, ['scheduler', 'runs'], { DATABASE_URL: url })
    expect(head).toMatch(/^│ ID │ Env +│ Status +│ Started +│ Finished +│ Verdict │ Error +│$/)
    expect(first).toMatch(/│ 1  │ production │ success │ 2026-01-08 02:00:15 │ 2026-01-08 02:03:42 │ +│ +│/)
    expect(next).toMatch(/│ infinity +│ +│ Database␊was.*…/)
    const piped = await cli('scheduler', 'runs', '--env', 'production')
    expect(piped.out).not.toContain('…')
    expect(piped.out).not.toContain('\u001B')
  })

  it.each([
    [['--status', 'done'], /'running', 'success', 'failed'/],
    [['--limit', '0'], /whole number from 1/],
    [['--limit', '1e3'], /whole number from 1/],
    [['--env', 'prodution'], /did you mean "production"/],
    [['--env', 'bare'], /has no database_url/],
  ])('refuses %j', async (argv, message) => {
    const { code, out, err } = await cli('scheduler', 'runs', ...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
  })

  it('says which command brings an old database up to date', async () => {
    const empty = await createDatabase('empty')
    const { code, err } = await runArgv(['scheduler', 'runs'], {
      cwd: folder.path,
      env: { DATABASE_URL: empty.url },
    })
    expect(code).toBe(2)
    expect(err).toMatch(/is not migrated .*; run "rapidrmf db migrate" first/)
  })

  it('is an empty list, not an error, where nothing has run', async () => {
    expect(await json()).toEqual([])
    expect(await cli('scheduler', 'runs')).toMatchObject({ code: 0, err: 'no runs\n' })
  })
})

describe('runs show', () => {
  it('tells verdict, digests, counts, attempts, and each system with its reasons', async () => {
    const summary = await executeRun(runRequest(url))
    await client.query(`UPDATE run_records SET error = 'broken: 🦊' || E'\\n' WHERE system_id = $1`, [
      systems[0],
    ])
    const { code, out } = await cli('runs', 'show', String(summary.runId))
    expect(code).toBe(0)
    expect(out).toMatch(/^Verdict +Findings$/m)
    expect(out).toMatch(/^Digest: rules +[0-9a-f]{64}$/m)
    expect(out).toMatch(/^Results +6: pass \d · fail \d · insufficient evidence \d · unknown \d$/m)
    expect(out).toMatch(/Attempts\n(.*\n)+│ 1 │ .* │ success │/)
    expect(out).toMatch(/Systems that could not be evaluated\n(.*\n)+│ production-system-1 │ broken: 🦊␊ │/)
    const detail = JSON.parse((await cli('runs', 'show', String(summary.runId), '--json')).out) as Json
    expect(Object.keys(detail).slice(0, 8)).toEqual([
      'id',
      'environment',
      'status',
      'started_at',
      'finished_at',
      'error',
      'metrics',
      'attributes',
    ])
    expect(detail).toMatchObject({
      counts: { systems: 3, results_saved: 6 },
      attempts: [{ attempt: 1, outcome: 'success' }],
      systems: [{ system: 'production-system-1', state: 'error', error: 'broken: 🦊\n' }, {}, {}],
    })
  })

  it('lists every attempt with what became of it, and why', async () => {
    const { runId } = await executeRun(runRequest(url))
    await client.query('UPDATE job_run_attempts SET attempt = 3 WHERE job_run_id = $1', [runId])
    await client.query(
      `INSERT INTO job_run_attempts (job_run_id, attempt, worker, host, started_at, heartbeat_at, ended_at, outcome, error)
       VALUES ($1, 1, 'w/1', 'w', '2026-01-01', '2026-01-01', '2026-01-01', 'failed', 'failed: disk full'),
              ($1, 2, 'w/2', 'w', '2026-01-01', '2026-01-01', '2026-01-01', 'interrupted', 'interrupted: stopped')`,
      [runId],
    )
    const { out } = await cli('runs', 'show', String(runId))
    expect(out).toMatch(/│ 1 │ w\/1 .* │ failed +│ failed: disk full +│/)
    expect(out).toMatch(/│ 2 │ w\/2 .* │ interrupted +│ interrupted: stopped +│/)
    expect(out).toMatch(/│ 3 │ .* │ success +│ +│/)
  })

  it('shows a run of another program, of which little is known', async () => {
    await insert(client, { startedAt: 'infinity', status: 'running' })
    expect((await cli('runs', 'show', '1')).out).toMatch(/^Started +infinity$/m)
    expect(JSON.parse((await cli('runs', 'show', '1', '--json')).out)).toMatchObject({
      counts: null,
      attempts: [],
    })
  })

  it('counts what a run that goes on has done so far', async () => {
    const [first, other] = systems as [number, number]
    const controls = await controlIds(client)
    const id = await addRun(client, {
      status: 'running',
      answers: [
        { systemId: first, controlIds: controls },
        { systemId: other, state: 'pending' },
      ],
    })
    expect((await cli('runs', 'show', String(id))).out).toMatch(/^Systems +2 \(1 still to do\)$/m)
  })
})
