import { Writable } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLogger } from '../../../common/logging/logger.ts'
import { signature } from '../../../common/webhook/signature.ts'
import type { CloudEvent } from '../../../common/webhook/cloud-event.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { HANG, OK, startReceiver, status as answer } from '../../support/receiver.ts'
import type { Receiver } from '../../support/receiver.ts'
import { createNamespace } from '../../../scripts/control-plane/access.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { startOperator, startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

type Notification = CloudEvent & {
  readonly data: {
    readonly reason: string
    readonly message: string
    readonly run: Readonly<Record<string, unknown>> | null
  }
}

/** A URL with a secret, and the signing key: neither may be visible anywhere. */
const PATH = '/in/canary-of-the-path'
const SECRET = 'canary-of-the-secret'

const sentTo = (receiver: Receiver): Notification[] =>
  receiver.requests.map(({ body }) => JSON.parse(body) as Notification)

describeWithCluster('the notifications of the operator', () => {
  const file = useNamespace('notices')
  const ends: (() => Promise<unknown>)[] = []
  beforeAll(() => installCrd(file.admin))
  afterAll(() => Promise.all(ends.map((end) => end())))

  async function place(): Promise<{ here: TestNamespace; schedules: Schedules }> {
    const name = await createNamespace(file.cluster, 'notices')
    const kubelet = playKubelet(file.admin, name)
    const here: TestNamespace = { name, cluster: file.cluster, admin: file.admin, kubelet }
    return { here, schedules: schedulesIn(here) }
  }

  const environment = (receiver: Receiver) => ({
    NOTIFY_URL: `${receiver.url}${PATH}`,
    NOTIFY_SECRET: SECRET,
    NOTIFY_ALLOW_PRIVATE_ADDRESSES: 'true',
  })

  async function operated(receiver: Receiver, flags: readonly string[] = []) {
    const { here, schedules } = await place()
    const lines: string[] = []
    const into = new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) })
    ends.push(
      startOperator({
        cluster: here.cluster,
        namespace: here.name,
        flags,
        env: environment(receiver),
        log: createLogger(into, { level: 'debug', format: 'json' }),
      }),
    )
    return { here, schedules, log: () => lines.join('') }
  }

  const start = async (schedules: Schedules, name: string, job = {}) => {
    await schedules.create(name, { suspend: true, job })
    return schedules.runNow(name, 'once')
  }
  const ended = (schedules: Schedules, name: string) =>
    schedules.status(name, 'recorded', ({ lastRun }) => lastRun !== undefined, { timeoutMs: 60_000 })
  const received = (receiver: Receiver, count: number) =>
    until(
      `${count} notifications`,
      () => (receiver.requests.length >= count ? sentTo(receiver) : undefined),
      {
        timeoutMs: 60_000,
      },
    )

  it.concurrent('report that a run is stuck whose pod never starts, and its end', async () => {
    const receiver = await startReceiver(OK)
    const { here, schedules } = await operated(receiver)
    const { job, uid } = await start(schedules, 'no-image', { activeDeadlineSeconds: 6 })
    await here.kubelet.waiting(await here.kubelet.podOf(job), 'ErrImagePull', 'no such image: job:none')
    await received(receiver, 1)
    const since = auditPosition(here.cluster.auditLog)
    const [stuck, end] = await received(receiver, 2)
    expect(stuck).toMatchObject({
      source: `/rapidrmf/namespaces/${here.name}/schedules/no-image`,
      type: 'io.rapidrmf.run.stuck',
      subject: `jobs/${job}`,
      data: { reason: 'ImagePullBackOff', message: 'no such image: job:none', run: { run_key: uid } },
    })
    expect(end).toMatchObject({
      type: 'io.rapidrmf.run.errored',
      data: {
        reason: 'DeadlineExceeded',
        message: expect.stringContaining('it made no progress: ImagePullBackOff') as string,
        run: { run_key: uid, run_id: null, verdict: 'Errored', schedule: 'no-image' },
      },
    })
    for (const { path, headers, body } of receiver.requests) {
      const given = String(headers['rapidrmf-signature'])
      const [, seconds] = /^t=(\d+),/.exec(given) ?? []
      expect(given).toBe(signature(SECRET, Number(seconds), body))
      expect([path, headers['content-type']]).toEqual([PATH, 'application/cloudevents+json; charset=utf-8'])
    }
    // The end is one write, with or without a sink.
    const { lastRun } = await ended(schedules, 'no-image')
    expect(lastRun).toMatchObject({ jobUID: uid, reason: 'DeadlineExceeded' })
    expect(await schedules.writes(since)).toEqual(['update validationschedules status no-image'])
  })

  it.concurrent('omit ends that the run has reported, and report all others', async () => {
    const receiver = await startReceiver(OK)
    const { here, schedules } = await operated(receiver)
    const recorded = await start(schedules, 'recorded', { backoffLimit: 0 })
    await here.kubelet.finish(recorded.job, {
      exitCode: 1,
      message: summaryText(recorded.uid, { status: 'failed', verdict: 'Errored', reason: 'RunBroke' }),
    })
    const passed = await start(schedules, 'passed')
    await here.kubelet.finish(passed.job, { exitCode: 0, message: summaryText(passed.uid) })
    const misled = await start(schedules, 'misled', { backoffLimit: 0 })
    await here.kubelet.finish(misled.job, {
      exitCode: 2,
      message: summaryText(misled.uid, {
        runId: null,
        status: 'failed',
        verdict: 'Errored',
        reason: 'InvalidInput',
        message: 'there is no ConfigMap',
      }),
    })
    await Promise.all(['recorded', 'passed', 'misled'].map((name) => ended(schedules, name)))
    await schedules.create('refused', { timeZone: 'Nowhere/Atlantis' })
    await schedules.status('refused', 'Stalled', is('Stalled', 'True', 'InvalidSpec'))
    await received(receiver, 2)
    expect(sentTo(receiver).map(({ type, data }) => [type, data.reason])).toEqual([
      ['io.rapidrmf.run.errored', 'InvalidInput'],
      ['io.rapidrmf.schedule.stalled', 'InvalidSpec'],
    ])
    expect(sentTo(receiver)[0]?.data).toMatchObject({ message: 'there is no ConfigMap' })
  })

  it.concurrent('delay no reconcile while their sink hangs', async () => {
    const receiver = await startReceiver(HANG)
    const { schedules } = await operated(receiver, ['--workers', '1'])
    for (let index = 0; index < 4; index += 1) {
      await schedules.create(`refused-${index}`, { timeZone: 'Nowhere/Atlantis' })
    }
    await until('the receiver to hang', () => (receiver.connections() > 0 ? true : undefined))
    // If the only worker waited for them, four tries would take ten seconds each.
    const inTime = { timeoutMs: 20_000 }
    const from = performance.now()
    await schedules.create('fine')
    await schedules.status('fine', 'Ready', is('Ready', 'True'), inTime)
    await schedules.status('refused-3', 'Stalled', is('Stalled', 'True'), inTime)
    expect(performance.now() - from).toBeLessThan(20_000)
    expect(receiver.connections()).toBeLessThanOrEqual(2)
  })

  it.concurrent('reveal neither the URL nor the secret of their sink, also when it echoes them', async () => {
    const receiver = await startReceiver((response, { url, headers }) =>
      response.writeHead(502, { location: `${url}` }).end(JSON.stringify({ url, headers, SECRET })),
    )
    const { here, schedules, log } = await operated(receiver)
    await schedules.create('refused', { timeZone: 'Nowhere/Atlantis' })
    await received(receiver, 2)
    await until('the failure in the log', () => log().includes('127.0.0.1: answered 502') || undefined)
    const { items } = await schedules.client.list(RESOURCES.events, { namespace: here.name })
    for (const seen of [log(), items, await schedules.read('refused')]) {
      expect(JSON.stringify(seen)).not.toContain('canary')
    }
  })

  it.concurrent('reach a sink once each after it was unavailable', async () => {
    const receiver = await startReceiver(answer(503))
    const { schedules } = await operated(receiver)
    await schedules.create('refused', { timeZone: 'Nowhere/Atlantis' })
    await received(receiver, 3)
    receiver.behave = OK
    const before = receiver.requests.length
    const all = await received(receiver, before + 1)
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
  })

  it.concurrent(
    'are sent by the next leader if the first was killed after it had written the status',
    async () => {
      const receiver = await startReceiver(HANG)
      const { here, schedules } = await place()
      const setup = { cluster: here.cluster, namespace: here.name, env: environment(receiver) }
      const first = await startOperatorProcess(setup)
      const { job } = await start(schedules, 'gone')
      await schedules.client.remove(RESOURCES.jobs, { namespace: here.name, name: job })
      await ended(schedules, 'gone')
      const [unsent] = await received(receiver, 1)
      expect(unsent).toMatchObject({ type: 'io.rapidrmf.run.errored', data: { reason: 'JobDeleted' } })
      await first.stop('SIGKILL')
      receiver.requests.length = 0
      receiver.behave = OK
      const since = auditPosition(here.cluster.auditLog)
      const second = await startOperatorProcess(setup)
      const again = await received(receiver, 1)
      expect(again).toEqual([unsent])
      await until('the metric', async () =>
        (await metrics(second.url)).includes('rapidrmf_operator_notices_total{result="sent"} 1')
          ? true
          : undefined,
      )
      expect(await schedules.writes(since)).toEqual([])
    },
    120_000,
  )
})

async function metrics(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}
