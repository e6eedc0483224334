import { beforeEach, describe, expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { clearHistory } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
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
`,
)
await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2'] })

beforeEach(async () => {
  await clearHistory(client)
  await clearHistory(second.client)
})

const cli = (...argv: readonly string[]) => runArgv(argv, { cwd: folder.path })

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

describe('the id of a run', () => {
  it('asks which database is meant when two have the id, and knows none without it', async () => {
    await insert(client, { startedAt: '2026-01-01' })
    await insert(second.client, { startedAt: '2026-01-01', environment: 'staging' })
    const { code, err } = await cli('runs', 'show', '1')
    expect(code).toBe(2)
    expect(err).toMatch(/"production" \(.*\) and "staging" \(.*\); say which with --env/)
    expect(err).not.toMatch(/postgres:[^@]/)
    expect((await cli('runs', 'show', '1', '--env', 'staging')).out).toMatch(/^Environment +staging$/m)
    expect(await cli('runs', 'show', '99')).toMatchObject({ code: 2 })
  })

  it('that no database has is refused with their names, and the command that lists runs', async () => {
    const { code, err } = await cli('runs', 'show', '99')
    expect(code).toBe(2)
    expect(err).toMatch(/there is no run 99 in \S+ or \S+; "rapidrmf runs list" lists the runs\n$/)
  })
})

describe('latest', () => {
  beforeEach(async () => {
    await insert(client, { startedAt: '2026-01-01' })
    await insert(client, { startedAt: '2026-01-02', environment: 'test' })
    await insert(second.client, { startedAt: '2026-01-03', environment: 'staging' })
    // Another program's run that is no validation.
    await client.query(
      `INSERT INTO job_runs (job_type, environment, status, started_at, metrics, attributes)
       VALUES ('collection', 'production', 'success', '2026-01-09', '{}', '{}')`,
    )
  })

  it.each([
    [['--env', 'production'], { id: 1, environment: 'production' }],
    [['--env', 'test'], { id: 2, environment: 'test' }],
    [['--env', 'staging'], { id: 1, environment: 'staging' }],
    [[], { id: 1, environment: 'staging' }],
  ])('is the newest validation of the environment, else of all databases: %j', async (argv, run) => {
    const { out, err } = await cli('runs', 'show', 'latest', '--json', ...argv)
    expect(err).toBe('')
    expect(JSON.parse(out)).toMatchObject(run)
  })

  it('is a run wherever the id of one is taken', async () => {
    const { runId } = await executeRun(runRequest(url))
    const env = ['--env', 'production'] as const
    const byId = String(runId)
    for (const command of ['show', 'controls', 'systems']) {
      const latest = await cli('runs', command, 'latest', '--json', ...env)
      expect(latest).toMatchObject({ code: 0, err: '' })
      expect(latest).toEqual(await cli('runs', command, byId, '--json', ...env))
    }
    const results = await cli('results', '--run', 'latest', '--json', ...env)
    expect(JSON.parse(results.out)).toHaveLength(6)
    expect(results).toEqual(await cli('results', '--run', byId, '--json', ...env))
  })

  it('says where there is none', async () => {
    await clearHistory(client)
    const { code, err } = await cli('results', '--run', 'latest', '--env', 'production')
    expect(code).toBe(2)
    expect(err).toMatch(/there is no run of environment "production" in .* yet; "rapidrmf scheduler once"/)
  })

  it.each(['lates', '0', '1.5'])('no other word is a run: %s', async (text) => {
    const { code, err } = await cli('runs', 'show', text)
    expect(code).toBe(2)
    expect(err).toContain('or latest')
  })
})

describe('the newest runs of several databases', () => {
  it('come newest first, as many as are wanted; equal times keep the order of the databases', async () => {
    await insert(client, { startedAt: '2026-01-01' })
    await insert(client, { startedAt: '2026-01-03', environment: 'test' })
    await insert(second.client, { startedAt: '2026-01-02', environment: 'staging' })
    await insert(second.client, { startedAt: '2026-01-03', environment: 'staging' })
    const list = async (limit: string): Promise<string[]> => {
      const { out } = await cli('runs', 'list', '--json', '--limit', limit)
      const runs = JSON.parse(out) as { environment: string; id: number }[]
      return runs.map(({ environment, id }) => `${environment} ${id}`)
    }
    expect(await list('9')).toEqual(['test 2', 'staging 2', 'staging 1', 'production 1'])
    expect(await list('2')).toEqual(['test 2', 'staging 2'])
  })
})
