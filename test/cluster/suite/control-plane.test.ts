import { afterAll, beforeAll, expect, it } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { startProxy } from '../../support/proxy.ts'
import type { Proxy } from '../../support/proxy.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { outcomesOf, eventsIn } from '../outcomes.ts'
import { playKubelet } from '../play-kubelet.ts'
import { call } from '../requests.ts'
import type { Matches } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { TlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The timeout after an outage: lists, watches and the Lease are retried with backoff. */
const LONG = { timeoutMs: 60_000 }

/** The operator's request timeout. */
const ANSWER_MS = 15_000

const isStreamingList: Matches = ({ query }) => query.has('sendInitialEvents')
const isList: Matches = call('LIST', 'validationschedules')
const isWrite: Matches = ({ method, path }) => method !== 'GET' && !/\/(?:leases|events)(?:\/|$)/.test(path)

describeWithCluster('an operator whose control plane fails', () => {
  let cluster: Cluster
  let here: TestNamespace
  let schedules: Schedules
  let tls: TlsProxy
  let tcp: Proxy
  let stop: () => Promise<void>

  beforeAll(async () => {
    cluster = await startCluster()
    const admin = connect(cluster.kubeconfig())
    const name = await cluster.createNamespace('outage')
    here = { name, cluster: cluster.access, admin, kubelet: playKubelet(admin, name) }
    await installCrd(admin)
    schedules = schedulesIn(here)
    tls = await startTlsProxy(cluster.access)
    tcp = await startProxy(Number(new URL(tls.access.server).port))
    const server = tcp.through(tls.access.server).replace(/\/$/, '')
    stop = startOperator({ cluster: { ...tls.access, server }, namespace: name })
    for (const schedule of ['kept', 'changed', 'running', 'deleted']) {
      await schedules.create(schedule, { suspend: schedule === 'running', successfulJobsHistoryLimit: 10 })
      await schedules.status(schedule, 'Ready', is('Ready', 'True'))
    }
  }, 120_000)
  afterAll(async () => {
    await stop()
    await cluster.stop()
  })

  const change = (cron: string): Promise<void> =>
    schedules.patch('changed', [{ op: 'replace', path: '/spec/schedule', value: cron }])
  const removeCronJob = (): Promise<void> =>
    schedules.client.remove(RESOURCES.cronJobs, { namespace: here.name, name: childName('deleted') })
  const changed = async (cron: string): Promise<void> => {
    const { metadata } = await schedules.read('changed')
    await schedules.status(
      'changed',
      `observed at ${cron}`,
      ({ observedGeneration }) => observedGeneration === metadata.generation,
      LONG,
    )
    expect((await schedules.cronJobOf('changed')).spec['schedule']).toBe(cron)
  }

  /** Changes schedules around an outage, and checks that each change is handled once, without other writes. */
  async function expectDoneOnce(since: number, token: string, isAnswered = true): Promise<void> {
    const { active = [] } = await schedules.status(
      'running',
      `acknowledging ${token}`,
      ({ lastHandledRunRequest }) => lastHandledRunRequest === token,
      LONG,
    )
    const [{ job, jobUID } = { job: '', jobUID: '' }] = active
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(jobUID) })
    await schedules.status(
      'running',
      `the end of ${token}`,
      ({ lastRun }) => lastRun?.jobUID === jobUID,
      LONG,
    )
    await until(
      'the CronJob to be recreated',
      () => schedules.find(RESOURCES.cronJobs, childName('deleted')),
      LONG,
    )
    const { uid } = (await schedules.cronJobOf('deleted')).metadata
    await schedules.status('deleted', 'known', ({ cronJob }) => cronJob?.uid === uid, LONG)
    const { done } = await outcomesOf(here, since)
    expect(done.toSorted((a, b) => a.localeCompare(b))).toEqual([
      `create cronjobs ${childName('deleted')}`,
      `create jobs ${job}`,
      `update cronjobs ${childName('changed')}`,
      // The same write is repeated to learn the defaults of the API server.
      ...(isAnswered ? [] : [`update cronjobs ${childName('changed')}`]),
      'update validationschedules status changed',
      // The new CronJob has another UID.
      'update validationschedules status deleted',
      'update validationschedules status running',
      'update validationschedules status running',
    ])
  }

  it('handles changes once that were made just before and just after a crash of the API server', async () => {
    const since = cluster.auditPosition()
    await change('0 3 * * *')
    await cluster.restartApiServer()
    await removeCronJob()
    await schedules.request('running', 'crash')
    await changed('0 3 * * *')
    await expectDoneOnce(since, 'crash')
  }, 120_000)

  it.each([
    ['with streaming lists', '0 4 * * *', 'WatchList=true', isStreamingList],
    ['page by page', '0 5 * * *', 'WatchList=false', isList],
  ])(
    'lists again, %s, when the events that it missed are compacted',
    async (how, cron, gate, lists) => {
      const since = cluster.auditPosition()
      tcp.cut()
      await change(cron)
      await removeCronJob()
      await schedules.request('running', how)
      await cluster.compactEtcd()
      await cluster.compactEtcd()
      await cluster.restartApiServer({ 'feature-gates': gate })
      tls.forget()
      tcp.restore()
      await changed(cron)
      await expectDoneOnce(since, how)
      const ofSchedules = tls.requests.filter(({ path }) => path.endsWith('/validationschedules'))
      expect(ofSchedules[0]?.query.get('resourceVersion')).toMatch(/^[1-9]/)
      expect(ofSchedules.filter(lists)).toHaveLength(1)
    },
    120_000,
  )

  it('completes writes once that timed out while etcd was paused', async () => {
    const since = cluster.auditPosition()
    tls.forget()
    const hung = Promise.withResolvers<undefined>()
    tls.fault = (request) => (isWrite(request) ? hung.promise : undefined)
    await change('0 6 * * *')
    await removeCronJob()
    await schedules.request('running', 'etcd')
    await until('the writes', () => (tls.requests.filter(isWrite).length >= 3 ? true : undefined))
    cluster.pause('etcd')
    hung.resolve(undefined)
    tls.fault = undefined
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS + 3_000))
    cluster.resume('etcd')
    await changed('0 6 * * *')
    await expectDoneOnce(since, 'etcd', false)
  }, 120_000)

  it('reports each run in one event', async () => {
    const events = (await eventsIn(schedules.client, here.name)).filter((event) => event.startsWith('Run'))
    expect(events.length).toBeGreaterThan(0)
    expect(events).toEqual([...new Set(events)])
  })
})
