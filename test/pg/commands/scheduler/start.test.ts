import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../../support/database.ts'
import { startCli } from '../../../support/process.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 25, controls: ['AC-2', 'AU-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments: { production: }\n')

type Line = Record<string, unknown> & { readonly level: string; readonly msg: string }

/** Every line is JSON, or this throws. */
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)

describe('the log of a scheduler', () => {
  it('has JSON lines on stdout, with schedule, slot and run', async () => {
    const scheduler = startCli(['scheduler', 'start', '--cron', '@every 1s', '--migrate'], {
      cwd: folder.path,
      env: { DATABASE_URL: url },
    })
    await scheduler.said(/"verdict":"Findings"/)
    scheduler.kill('SIGTERM')
    const { stdout, stderr } = await scheduler.ended
    expect(stderr.replace(/^rapidrmf: stopped.*\n/, '')).toBe('')
    const lines = linesOf(stdout)
    expect(lines[0]).toMatchObject({ msg: 'waiting for the next slot', environment: 'production' })
    expect(lines.find(({ verdict }) => verdict !== undefined)).toMatchObject({
      schedule: 'production @every 1s',
      slot: expect.stringMatching(/Z$/) as string,
      run_key: expect.stringMatching(/^cli:production\|/) as string,
      run_id: expect.any(Number) as number,
      worker: expect.any(String) as string,
      counts: expect.objectContaining({ results: 50 }) as object,
    })
  })

  it('reports a slot whose configuration became unreadable with the slot, and no run', async () => {
    folder.write('changing.yaml', 'environments:\n  production: {}\n')
    const scheduler = startCli(['scheduler', 'start', '--cron', '@every 1s', '--config', 'changing.yaml'], {
      cwd: folder.path,
      env: { DATABASE_URL: url },
    })
    await scheduler.said(/"verdict":"Findings"/)
    folder.write('changing.yaml', 'environment: {}\n')
    await scheduler.said(/unknown key/)
    scheduler.kill('SIGTERM')
    const line = linesOf((await scheduler.ended).stdout).find(({ error }) =>
      /unknown key/.test(String(error)),
    )
    expect(line).toMatchObject({
      schedule: 'production @every 1s',
      slot: expect.stringMatching(/Z$/) as string,
    })
    expect(line).not.toHaveProperty('run_key')
  })

  it('has the name of the schedule in its lines and its run keys, and publishes what is asked', async () => {
    const flags = [
      '--cron',
      '@every 1s',
      '--schedule',
      'frequent',
      '--control',
      'AC-2',
      '--full',
      '--publish',
      'none',
    ]
    const scheduler = startCli(['scheduler', 'start', ...flags], {
      cwd: folder.path,
      env: { DATABASE_URL: url },
    })
    await scheduler.said(/"verdict":"Findings"/)
    scheduler.kill('SIGTERM')
    const lines = linesOf((await scheduler.ended).stdout)
    expect(lines.find(({ verdict }) => verdict !== undefined)).toMatchObject({
      schedule: 'frequent',
      run_key: expect.stringMatching(/^cli:production\|schedule=frequent@/) as string,
      counts: expect.objectContaining({ controls: 1 }) as object,
    })
    expect(lines.at(-1)).toMatchObject({ level: 'info', msg: 'stopped' })
    const { rows } = await client.query(
      `SELECT FROM validation_results v JOIN job_runs r ON r.id = v.job_run_id WHERE r.schedule = 'frequent'`,
    )
    expect(rows).toHaveLength(0)
  })
})

describe('the start of a scheduler', () => {
  const start = (argv: readonly string[], databaseUrl = url, signal = AbortSignal.abort()) =>
    runArgv(['scheduler', 'start', ...argv], {
      cwd: folder.path,
      env: { DATABASE_URL: databaseUrl, RAPIDRMF_OUTAGE: '0' },
      signal,
    })

  it.each([
    [['--cron', '0 25 * * *'], '--cron'],
    [['--cron', '0 2 30 2 *'], '--cron: "0 2 30 2 *" has no slot in the coming years'],
    [['--timezone', 'Mars/Base'], '--timezone'],
    [['--starting-deadline', '0'], 'found "0"'],
    [['--starting-deadline', '400d'], 'found "400d"'],
    [['--incremental', '--full'], '--incremental and --full are opposites'],
    [['--publish', 'changes'], '--publish'],
    [['--system', 'a,,b'], '--system: expected a value'],
    [['--schedule', ' '], '--schedule: expected a name'],
    [['--env', 'nowhere'], 'nowhere'],
  ])('is refused with %j', async (argv, message) => {
    const { code, err } = await start(argv)
    expect(code).toBe(2)
    expect(err).toContain(message)
  })

  it('is refused with a RESULTS_PUBLISH that is not known', async () => {
    const ended = await runArgv(['scheduler', 'start'], {
      cwd: folder.path,
      env: { DATABASE_URL: url, RESULTS_PUBLISH: 'changes' },
      signal: AbortSignal.abort(),
    })
    expect(ended).toMatchObject({
      code: 2,
      err: expect.stringContaining('RESULTS_PUBLISH: expected all or none, found "changes"') as string,
    })
  })

  it('is refused where the tables are missing, unless it makes them', async () => {
    const empty = await createDatabase('empty')
    expect(await start([], empty.url)).toMatchObject({
      code: 2,
      err: expect.stringContaining('run "rapidrmf db migrate" first') as string,
    })
    const { code, out } = await start(['--migrate'], empty.url)
    expect(code).toBe(0)
    expect(linesOf(out).map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/^migrated: 0001_/))
  })

  it('goes through while the database cannot be reached, with a warning', async () => {
    const { code, out } = await start([], 'postgresql://me@127.0.0.1:1/x')
    expect(code).toBe(0)
    expect(linesOf(out)).toMatchObject([
      {
        level: 'warn',
        msg: 'the database is unreachable and was not checked',
        environment: 'production',
        error: expect.stringContaining('ECONNREFUSED') as string,
      },
      { level: 'info', msg: 'stopped' },
    ])
  })
})
