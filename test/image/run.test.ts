import { expect, it } from 'vitest'
import { describeImages } from './containers.ts'
import { VERSION } from '../../scripts/containers/images.ts'
import { createDatabase } from '../support/database.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce, runSessions, storedRun } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { until } from '../../scripts/control-plane/until.ts'

/** The number of active controls of NIST SP 800-53 rev5. */
const CONTROLS = 1_007

const { client, url } = await createDatabase()
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  small: {}\n  middle: {}\n  large: {}\n')
folder.write('misspelt.yaml', 'environments:\n  small: { databse_url: x }\n')
const mount = (file = 'config.yaml'): string[] => [
  '--volume',
  `${folder.path}/${file}:/etc/rapidrmf/config.yaml:ro`,
]
const withDatabase = ['--env', `DATABASE_URL=${url}`]
/** The options of a container like in a namespace that enforces "restricted". */
const restricted = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges']

await seedWorld(client, { environment: 'small', systems: 3 })
await seedWorld(client, { environment: 'middle', systems: 60 })
await seedWorld(client, { environment: 'large', systems: 500 })

const once = (environment: string, runKey: string): string[] => [
  'scheduler',
  'once',
  `--env=${environment}`,
  `--run-key=${runKey}`,
]

describeImages('docker run of the job image', (here) => {
  const { job } = here.images

  it('prints its version within the time limit', async () => {
    const times: number[] = []
    for (let round = 0; round < 5; round += 1) {
      const from = performance.now()
      expect(await here.run(job, ['--version'], restricted)).toMatchObject({ code: 0, out: `${VERSION}\n` })
      times.push(performance.now() - from)
    }
    const best = Math.min(...times)
    process.stdout.write(`docker run ${job} --version: ${Math.round(best)} ms\n`)
    expect(best).toBeLessThan(5_000)
  })

  it('validates with the mounted configuration, and prints one line', async () => {
    const ended = await here.run(job, once('small', 'one line'), [...mount(), ...withDatabase, ...restricted])
    expect(ended, `docker run: ${ended.err}`).toMatchObject({ code: 0 })
    expect(ended.out).toMatch(/Findings — \d+ of 3021 results are not pass/)
    await expectExactlyOnce(client, 'one line', 3 * CONTROLS)
  })

  it.each([
    ['an unknown environment', 'nowhere', mount(), /nowhere/],
    ['a misspelt key', 'small', mount('misspelt.yaml'), /databse_url.*database_url/s],
    ['no configuration', 'small', [], /config\.yaml/],
  ])('exits with 2 and an error: %s', async (runKey, environment, mounts, message) => {
    const ended = await here.run(job, once(environment, runKey), [...mounts, ...withDatabase, ...restricted])
    expect(ended.code, `docker run: ${ended.err}`).toBe(2)
    expect(ended.err).toMatch(message)
    expect((await client.query('SELECT FROM job_runs WHERE run_key = $1', [runKey])).rows).toHaveLength(0)
  })

  it('exits with 143 when it is stopped, releases the run, and resumes it later', async () => {
    const flags = [...mount(), ...withDatabase, ...restricted, '--cpus=0.2']
    const name = await here.start(job, once('middle', 'stopped'), flags)
    await until('the first stored results', async () => {
      const { rows } = await client.query(
        `SELECT FROM job_runs r JOIN validation_results v ON v.job_run_id = r.id WHERE run_key = 'stopped' LIMIT 1`,
      )
      return rows.length > 0 ? true : undefined
    })
    await here.docker(['stop', '--time', '30', name])
    expect(await here.docker(['wait', name])).toBe('143')
    const { status, rows, pairs } = await storedRun(client, 'stopped')
    expect(status).toBe('failed')
    expect(rows).toBe(pairs)
    expect(rows).toBeLessThan(60 * CONTROLS)
    const open = await client.query(
      `SELECT FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id WHERE run_key = 'stopped' AND a.ended_at IS NULL`,
    )
    expect(open.rows).toHaveLength(0)
    expect(await runSessions(client)).toBe(0)
    const again = await here.run(job, once('middle', 'stopped'), [...mount(), ...withDatabase, ...restricted])
    expect(again, `docker run: ${again.err}`).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, 'stopped', 60 * CONTROLS)
  })

  it('validates 500 systems in 128 MiB', { timeout: 300_000 }, async () => {
    const flags = ['--memory=128m', '--memory-swap=128m', ...mount(), ...withDatabase, ...restricted]
    const ended = await here.run(job, once('large', 'in 128 MiB'), flags)
    expect(ended, `docker run: ${ended.err}`).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, 'in 128 MiB', 500 * CONTROLS)
  })

  it.each([128, 512])('sets the heap to its share of a limit of %i MiB', async (limit) => {
    const script = 'console.log(v8.getHeapStatistics().heap_size_limit / 1048576)'
    const flags = [`--memory=${limit}m`, '--entrypoint', here.images.base.node]
    const { out } = await here.run(job, ['--eval', script], flags)
    expect(Number(out) / limit).toBeGreaterThan(0.55)
    expect(Number(out) / limit).toBeLessThan(0.65)
  })

  it('knows time zones, also with a user that the image does not have', async () => {
    const preview = ['schedules', 'preview', '0 2 * * *', '--timezone', 'Europe/Berlin', '--count', '1']
    const ended = await here.run(job, preview, [...restricted, '--user', '1000650000'])
    expect(ended, `docker run: ${ended.err}`).toMatchObject({ code: 0 })
    expect(ended.out).toMatch(/02:00/)
  })
})

describeImages('docker run of the operator image', (here) => {
  const { operator } = here.images

  it('lists its flags', async () => {
    const ended = await here.run(operator, ['--help'], restricted)
    expect(ended).toMatchObject({ code: 0, err: '' })
    expect(ended.out).toContain('--allowed-images')
  })

  it('exits with 2 if its configuration cannot be used', async () => {
    const ended = await here.run(operator, ['--workers', 'many'], restricted)
    expect(ended.code).toBe(2)
    expect(ended.err).toMatch(/--image .*is required[\s\S]*--workers .*expected a number/)
  })
})
