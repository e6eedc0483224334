import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { decodeRunSummary } from '../../../crds/run-summary.ts'
import { createDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 1, controls: ['AC-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

/** As the operator's pods have it. */
const inJob = (job: string, env: Record<string, string>, ...argv: string[]) =>
  runArgv(
    ['scheduler', 'once', '--schedule-uid', 'uid', '--schedule', 'nightly', '--run-key', job, ...argv],
    { cwd: folder.path, env: { JOB_NAME: job, STARTING_DEADLINE_SECONDS: '300', ...env } },
  )
const runOf = async (key: string) =>
  (
    await client.query(
      `SELECT slot_at, schedule, attributes ->> 'triggered_by' AS by FROM job_runs WHERE run_key = $1`,
      [key],
    )
  ).rows[0]

it('records the slot of its Job', async () => {
  const minutes = Math.floor(Date.now() / 60_000)
  expect((await inJob(`nightly-${minutes}`, { DATABASE_URL: url })).code).toBe(0)
  const run = await runOf(`nightly-${minutes}`)
  expect(run).toMatchObject({ schedule: 'nightly', by: 'kubernetes' })
  expect(run.slot_at).not.toBeNull()
})

it('is outside the schedule on request', async () => {
  expect((await inJob('nightly-m0123456789', { DATABASE_URL: url })).code).toBe(0)
  expect(await runOf('nightly-m0123456789')).toMatchObject({ slot_at: null, by: 'kubernetes' })
})

it('says which Secret is missing, also in its summary, and does not use another database', async () => {
  const env = { DATABASE_URL_SOURCE: 'Secret "db", key "url"' }
  const { code, out, err } = await inJob('nightly-x', env, '--summary-file', 'summary.json')
  expect(code).toBe(2)
  expect(err).toBe('')
  expect(JSON.parse(out)).toMatchObject({
    level: 'error',
    error: expect.stringContaining('no Secret "db", key "url"') as string,
  })
  expect(decodeRunSummary(readFileSync(join(folder.path, 'summary.json'), 'utf8'))).toMatchObject({
    runKey: 'nightly-x',
    reason: 'InvalidInput',
    message: expect.stringContaining('Secret "db"') as string,
  })
})
