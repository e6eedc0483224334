import { afterEach, expect, it } from 'vitest'
import { finishJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { inTransaction } from '../../../job-image/db/session/client.ts'
import { enqueueNotices } from '../../../job-image/run/enqueue-notices.ts'
import { sendBetweenRuns } from '../../../job-image/scheduler/between-runs.ts'
import { newRunKey } from '../../../job-image/run/summary.ts'
import { createDatabase } from '../../support/database.ts'
import { startReceiver } from '../../support/receiver.ts'
import { createFolder } from '../../support/run-command.ts'
import { outbox, webhookSink } from '../../support/sinks.ts'

const { client, url } = await createDatabase()
const folder = createFolder()
const receiver = await startReceiver()

afterEach(async () => {
  await client.query('DELETE FROM job_runs')
  receiver.requests.length = 0
})

/** A run that ended, with its notice in the outbox. */
async function endedRun(): Promise<void> {
  const run = await startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: {},
    runKey: newRunKey(),
  })
  await inTransaction(client, async () => {
    const ended = await finishJobRun(client, run, { status: 'success', verdict: 'Passed', metrics: {} })
    const notifications = [webhookSink(receiver.url)]
    if (ended !== undefined) await enqueueNotices(client, ended, { notifications })
  })
}

const WITH_SINKS = `environments: { production: {} }
notifications:
  - { name: ops, type: webhook, on: [always], url: "${receiver.url}", allow_private_addresses: true }
  - { name: broken, type: webhook, on: [always], url: "\${NOWHERE}" }
`

/** Sends every 20 ms with this configuration while `during` waits; resolves to the warnings. */
async function sending(config: string, during: () => Promise<void>, databaseUrl = url): Promise<string[]> {
  folder.write('config.yaml', config)
  const stop = new AbortController()
  const warnings: string[] = []
  const ended = sendBetweenRuns(
    { config: 'config.yaml', env: 'production', databaseUrl },
    { env: {}, cwd: folder.path },
    stop.signal,
    (message) => warnings.push(message),
    20,
  )
  await during()
  stop.abort()
  await ended
  return warnings
}

it('a scheduler sends between its runs, and stops at once', async () => {
  await endedRun()
  const warnings = await sending(WITH_SINKS, async () => {
    await expect.poll(() => receiver.requests.length, { timeout: 5_000 }).toBe(1)
    await expect.poll(async () => (await outbox(client))[0]?.sent, { timeout: 5_000 }).toBe(true)
  })
  expect(warnings).toEqual([])
})

it('the configuration is read again each time; one that is not valid is reported by runs', async () => {
  await endedRun()
  const warnings = await sending('environments: []\n', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(receiver.requests).toEqual([])
    folder.write('config.yaml', WITH_SINKS)
    await expect.poll(() => receiver.requests.length, { timeout: 5_000 }).toBe(1)
  })
  expect(warnings).toEqual([])
})

it('a run whose process died is closed, and its notice is sent', async () => {
  const notifications = [{ name: 'ops', on: ['errored'], grace: 0 }]
  const run = await startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: { sinks: notifications },
    runKey: newRunKey(),
  })
  await client.query(`UPDATE job_runs SET started_at = started_at - interval '1 day' WHERE id = $1`, [run.id])
  await sending(WITH_SINKS.replace('on: [always]', 'on: [errored], grace: 0'), async () => {
    await expect
      .poll(async () => (await client.query('SELECT status FROM job_runs')).rows, { timeout: 5_000 })
      .toEqual([{ status: 'failed' }])
    await expect.poll(() => receiver.requests.length, { timeout: 5_000 }).toBe(1)
  })
})

it('a database that cannot be reached is a warning', async () => {
  const seen = await sending(
    WITH_SINKS,
    () => new Promise((resolve) => setTimeout(resolve, 500)),
    'postgresql://me@127.0.0.1:1/x',
  )
  expect(seen.join()).toContain('ECONNREFUSED')
})
