import { afterEach, describe, expect, it } from 'vitest'
import { finishJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { inTransaction } from '../../../job-image/db/session/client.ts'
import type { Sink } from '../../../job-image/notify/sink.ts'
import { deliveryText, sendDue, startNoticeSender } from '../../../job-image/outbox/send-due.ts'
import { enqueueNotices } from '../../../job-image/run/enqueue-notices.ts'
import { newRunKey } from '../../../job-image/run/summary.ts'
import { createDatabase } from '../../support/database.ts'
import { startReceiver, status } from '../../support/receiver.ts'
import { outbox, webhookSink } from '../../support/sinks.ts'

const { client, url } = await createDatabase()

afterEach(async () => {
  await client.query('DELETE FROM job_runs')
})

/** A run that ended, with its notice in the outbox; its id. */
async function endedRun(...notifications: Sink[]): Promise<number> {
  const run = await startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: {},
    runKey: newRunKey(),
  })
  await inTransaction(client, async () => {
    const ended = await finishJobRun(client, run, { status: 'success', verdict: 'Passed', metrics: {} })
    if (ended !== undefined) await enqueueNotices(client, ended, { notifications })
  })
  return run.id
}

/** What a process observes, and what it works on. */
function processOf(notifications: readonly Sink[], databaseUrl = url) {
  const warnings: string[] = []
  const observer = ({ message }: { readonly message: string }): void => void warnings.push(message)
  return { warnings, request: { databaseUrl, notifications, observer } }
}

describe('due notices', () => {
  it('are sent, without a warning', async () => {
    const receiver = await startReceiver()
    const { request, warnings } = processOf([webhookSink(receiver.url)])
    await endedRun(...request.notifications)
    await sendDue(request, {})
    expect(receiver.requests).toHaveLength(1)
    expect(warnings).toEqual([])
  })

  it('are a warning each if their sink does not take them', async () => {
    const receiver = await startReceiver(status(500))
    const { request, warnings } = processOf([webhookSink(receiver.url)])
    const id = await endedRun(...request.notifications)
    await sendDue(request, {})
    expect(warnings).toEqual([
      `the notice of run ${id} for "ops" could not be sent: 127.0.0.1: answered 500; it will be retried`,
    ])
  })

  it('stay where they are while the database cannot be reached, which is a warning', async () => {
    const { request, warnings } = processOf(
      [webhookSink('http://127.0.0.1:1')],
      'postgresql://me@127.0.0.1:1/x',
    )
    await sendDue(request, {})
    expect(warnings).toEqual([
      expect.stringMatching(/^notices could not be sent: .*ECONNREFUSED.*; the next process retries$/),
    ])
  })

  it('need no database without sinks', async () => {
    const { request, warnings } = processOf([], 'postgresql://me@127.0.0.1:1/x')
    await sendDue(request, {})
    await startNoticeSender(request).finish()
    expect(warnings).toEqual([])
  })
})

describe('the sender of a run', () => {
  it('sends notices of earlier runs at once, and the own one at the end', async () => {
    const receiver = await startReceiver()
    const { request } = processOf([webhookSink(receiver.url)])
    await endedRun(...request.notifications)
    const sender = startNoticeSender(request)
    await expect.poll(() => receiver.requests.length, { timeout: 5_000 }).toBe(1)
    await endedRun(...request.notifications)
    await sender.finish()
    expect(receiver.requests).toHaveLength(2)
    expect((await outbox(client)).every(({ sent }) => sent)).toBe(true)
  })

  it('leaves the own notice to the next process when its process must stop', async () => {
    const receiver = await startReceiver()
    const stop = new AbortController()
    const { request } = processOf([webhookSink(receiver.url)])
    const sender = startNoticeSender({ ...request, signal: stop.signal })
    await endedRun(...request.notifications)
    stop.abort()
    await sender.finish()
    expect(receiver.requests).toEqual([])
    expect(await outbox(client)).toMatchObject([{ waiting: true, attempts: 0 }])
  })
})

it.each([
  ['failed', 7, 'the notice of run 7 for "ops" could not be sent: no route; it will be retried'],
  ['given up', 7, 'the notice of run 7 for "ops" could not be sent: no route; it is given up'],
  ['blocked', null, 'notices for "ops" could not be sent: no route; they stay pending'],
] as const)('the warning about a notice that is %s says so', (outcome, runId, text) => {
  const rest = { eventId: null, trigger: null, error: 'no route' }
  expect(deliveryText({ sink: 'ops', outcome, runId, ...rest })).toBe(text)
})
