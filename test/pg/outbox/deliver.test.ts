import { afterEach, describe, expect, it } from 'vitest'
import { connect, disconnect, inTransaction } from '../../../job-image/db/session/client.ts'
import { finishJobRun, getJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { cancelNotices, claimNotice, listNotices } from '../../../job-image/db/runs/notices.ts'
import { deliverNotices, retryDelay } from '../../../job-image/outbox/deliver.ts'
import { enqueueNotices } from '../../../job-image/run/enqueue-notices.ts'
import type { Sink } from '../../../job-image/notify/sink.ts'
import { newRunKey } from '../../../job-image/run/summary.ts'
import { createDatabase } from '../../support/database.ts'
import { limitedRole } from '../../support/limited-role.ts'
import { HANG, OK, startReceiver, status } from '../../support/receiver.ts'
import type { Receiver } from '../../support/receiver.ts'
import { letTimePass, outbox, webhookSink } from '../../support/sinks.ts'

const database = await createDatabase()
const { client, url } = database
const oneConnection = await limitedRole(database, 1)
const TARGET = { url }

afterEach(async () => {
  await client.query('DELETE FROM job_runs')
})

/** Runs that ended, each with its notices in the outbox; their ids. */
async function endedRuns(
  count: number,
  sinks: readonly Sink[],
  environment = 'production',
): Promise<number[]> {
  const ids: number[] = []
  for (let index = 0; index < count; index += 1) {
    const run = await startJobRun(client, {
      jobType: 'validation',
      environment,
      attributes: {},
      runKey: newRunKey(),
    })
    await inTransaction(client, async () => {
      const ended = await finishJobRun(client, run, { status: 'success', verdict: 'Passed', metrics: {} })
      if (ended !== undefined) await enqueueNotices(client, ended, { notifications: sinks })
    })
    ids.push(run.id)
  }
  return ids
}

const idsOf = ({ requests }: Receiver): string[] =>
  requests.map(({ body }) => (JSON.parse(body) as { id: string }).id)
const runsOf = ({ requests }: Receiver): number[] =>
  requests.map(({ body }) => (JSON.parse(body) as { data: { run: { run_id: number } } }).data.run.run_id)
const outcomes = async (sinks: readonly Sink[], options = {}): Promise<string[]> =>
  (await deliverNotices(TARGET, sinks, options)).map(({ outcome }) => outcome)

describe('two senders at once', () => {
  it('send each notice once, in order', async () => {
    const receiver = await startReceiver((response) => void setTimeout(() => response.end(), 5))
    const sink = webhookSink(receiver.url)
    const runs = await endedRuns(25, [sink])
    const [first, second] = await Promise.all([
      deliverNotices(TARGET, [sink]),
      deliverNotices(TARGET, [sink]),
    ])
    expect(first.length + second.length).toBe(25)
    expect(Math.min(first.length, second.length)).toBeGreaterThan(0)
    expect(new Set(idsOf(receiver)).size).toBe(25)
    expect(runsOf(receiver).sort((a, b) => a - b)).toEqual(runs)
    expect((await outbox(client)).every(({ sent, attempts }) => sent && attempts === 1)).toBe(true)
  })

  it('and one alone sends in the order in which the runs ended', async () => {
    const receiver = await startReceiver()
    const sink = webhookSink(receiver.url)
    const runs = await endedRuns(5, [sink])
    await deliverNotices(TARGET, [sink])
    expect(runsOf(receiver)).toEqual(runs)
  })
})

it('where there is room for one connection only, all sinks are served by it', async () => {
  const receivers = await Promise.all([startReceiver(), startReceiver(), startReceiver()])
  const sinks = receivers.map((each, index) => webhookSink(each.url, { name: `sink ${index}` }))
  await endedRuns(2, sinks)
  const deliveries = await deliverNotices({ url: oneConnection, retryFor: 0 }, sinks)
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(Array(6).fill('sent'))
  for (const each of receivers) expect(each.requests).toHaveLength(2)
})

describe('a try that fails', () => {
  it('is recorded, and repeated later; the sink is left alone until then', async () => {
    const receiver = await startReceiver(status(500))
    const sink = webhookSink(receiver.url)
    await endedRuns(3, [sink])
    expect(await outcomes([sink], { random: () => 0 })).toEqual(['failed'])
    expect(receiver.requests).toHaveLength(1)
    const [tried, ...others] = await outbox(client)
    expect(tried).toMatchObject({ attempts: 1, last_error: '127.0.0.1: answered 500', waiting: true })
    expect(tried?.delay).toBeGreaterThanOrEqual(30)
    expect(tried?.delay).toBeLessThan(35)
    expect(others.map(({ attempts }) => attempts)).toEqual([0, 0])

    receiver.behave = OK
    expect(await outcomes([sink])).toEqual(['sent', 'sent'])
    await letTimePass(client)
    expect(await outcomes([sink])).toEqual(['sent'])
    expect(new Set(idsOf(receiver)).size).toBe(3)
  })

  it('is the last one after ten, and its reason stays; a person may try again', async () => {
    const receiver = await startReceiver(status(410))
    const sink = webhookSink(receiver.url)
    await endedRuns(1, [sink])
    for (let tries = 1; tries < 10; tries += 1) {
      expect(await outcomes([sink])).toEqual(['failed'])
      await letTimePass(client)
    }
    expect(await outcomes([sink])).toEqual(['given up'])
    await letTimePass(client)
    expect(await outcomes([sink])).toEqual([])
    expect(await listNotices(client, { limit: 9, state: 'failed' })).toMatchObject([
      { attempts: 10, last_error: '127.0.0.1: answered 410', next_try_at: null },
    ])
    receiver.behave = OK
    expect(await outcomes([sink], { retryNow: true })).toEqual(['sent'])
    expect(new Set(idsOf(receiver)).size).toBe(1)
  })

  it('waits for as long as the receiver asks, within an hour', async () => {
    const receiver = await startReceiver(status(429, { 'retry-after': '600' }))
    const sink = webhookSink(receiver.url)
    await endedRuns(1, [sink])
    await outcomes([sink])
    expect((await outbox(client))[0]?.delay).toBeGreaterThanOrEqual(600)
    receiver.behave = status(429, { 'retry-after': '999999' })
    await letTimePass(client)
    await outcomes([sink])
    expect((await outbox(client))[0]?.delay).toBeLessThan(3_700)
  })

  it('keeps no other sink waiting', async () => {
    const hanging = await startReceiver(HANG)
    const fine = await startReceiver()
    const sinks = [
      webhookSink(hanging.url, { name: 'hanging', timeout: 1_000 }),
      webhookSink(fine.url, { name: 'fine' }),
    ]
    await endedRuns(4, sinks)
    const deliveries = deliverNotices(TARGET, sinks)
    await expect.poll(() => fine.requests.length, { timeout: 900 }).toBe(4)
    // Recorded by then, too: a crash of the sender would send none of them again.
    await expect
      .poll(async () => (await outbox(client)).filter(({ sent }) => sent).length, { timeout: 900 })
      .toBe(4)
    expect((await deliveries).map(({ sink, outcome }) => `${sink} ${outcome}`).sort()).toEqual([
      'fine sent',
      'fine sent',
      'fine sent',
      'fine sent',
      'hanging failed',
    ])
  })
})

describe('what is not this sender’s to send', () => {
  it('is left to another process where a secret is missing here, and costs it no try', async () => {
    const receiver = await startReceiver()
    const sink = webhookSink(receiver.url)
    await endedRuns(2, [sink])
    const unusable = webhookSink('', {
      transport: { type: 'unusable', kind: 'webhook', problem: 'X is not set' },
    })
    expect(await deliverNotices(TARGET, [unusable])).toEqual([
      { sink: 'ops', outcome: 'blocked', eventId: null, runId: null, trigger: null, error: 'X is not set' },
    ])
    expect(await outbox(client)).toMatchObject([
      { attempts: 0, waiting: true, last_error: 'X is not set' },
      { attempts: 0, waiting: true, last_error: 'X is not set' },
    ])
    expect(await outcomes([sink])).toEqual(['sent', 'sent'])
  })

  it('is that of other sinks and other environments', async () => {
    const receiver = await startReceiver()
    await endedRuns(1, [webhookSink(receiver.url, { name: 'theirs' })])
    await endedRuns(1, [webhookSink(receiver.url, { environments: ['staging'] })], 'staging')
    expect(await outcomes([webhookSink(receiver.url)])).toEqual([])
    expect(receiver.requests).toEqual([])
  })

  it('is an end that does not stand any more', async () => {
    const receiver = await startReceiver()
    const sink = webhookSink(receiver.url)
    await endedRuns(1, [sink])
    await client.query(`UPDATE job_runs SET status = 'running', finished_at = NULL`)
    expect(await outcomes([sink], { retryNow: true })).toEqual([])
    // Also for a sender that had looked before.
    expect(await inTransaction(client, () => claimNotice(client, sink))).toBeUndefined()
    expect(receiver.requests).toEqual([])
  })

  it('cannot be taken back while it is on its way, and keeps nobody waiting', async () => {
    const sink = webhookSink('http://127.0.0.1:1')
    const [first] = await endedRuns(2, [sink])
    const run = (await getJobRun(client, first!))!
    const sender = await connect({ url })
    await inTransaction(sender, async () => {
      expect(await claimNotice(sender, sink)).toMatchObject({ attempts: 0 })
      await client.query(`SET lock_timeout TO '1s'`)
      await cancelNotices(client, run)
    })
    await disconnect(sender)
    expect(await outbox(client)).toMatchObject([{ cancelled: false }, { cancelled: false }])
    await cancelNotices(client, run)
    expect(await outbox(client)).toMatchObject([{ cancelled: true }, { cancelled: false }])
  })
})

describe('the pause after a failed try', () => {
  it('doubles from half a minute, is up to a half shorter by chance, and ends', () => {
    const delays = Array.from({ length: 11 }, (_, index) => retryDelay(index + 1, () => 0))
    const seconds = [30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680]
    expect(delays).toEqual([...seconds.map((each) => each * 1000), null, null])
    expect(retryDelay(3, () => 0.999_999)).toBeGreaterThanOrEqual(60_000)
    expect(retryDelay(3, () => 0.999_999)).toBeLessThan(60_001)
  })
})
