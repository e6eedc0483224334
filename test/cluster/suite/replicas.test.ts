import { beforeAll, expect, it } from 'vitest'
import type { Lease } from '../../../operator/kube/leader.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { startProxy } from '../../support/proxy.ts'
import { createNamespace } from '../../../scripts/control-plane/access.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { isReady, metric } from '../operator-http.ts'
import { outcomesOf, eventsIn } from '../outcomes.ts'
import { call, holdBack } from '../requests.ts'
import { startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The timeout: the Lease ends 15 s after the other replica last saw a renewal. */
const TAKEOVER = { timeoutMs: 60_000 }

describeWithCluster('two replicas of the operator', () => {
  const file = useNamespace('replicas')
  beforeAll(() => installCrd(file.admin))

  /** Starts two replicas for one test, in its own namespace. */
  async function pair() {
    const name = await createNamespace(file.cluster, 'replicas')
    const here: TestNamespace = { name, cluster: file.cluster, admin: file.admin, kubelet: file.kubelet }
    const schedules = schedulesIn(here)
    const tls = await startTlsProxy(file.cluster)
    const tcp = await startProxy(Number(new URL(tls.access.server).port))
    const cluster = { ...tls.access, server: tcp.through(tls.access.server).replace(/\/$/, '') }
    const leader = await startOperatorProcess({ cluster, namespace: name, flags: ['--identity', 'leader'] })
    await schedules.create('kept')
    await schedules.status('kept', 'Ready', is('Ready', 'True'))
    const other = await startOperatorProcess({
      cluster: file.cluster,
      namespace: name,
      flags: ['--identity', 'other'],
    })
    await until('the other to be ready', () => isReady(other.url))
    await everythingTold(schedules, name, 1)
    return { here, schedules, tls, tcp, leader, other, position: auditPosition(file.cluster.auditLog) }
  }

  it.concurrent(
    'the other takes over after the end of the Lease when the leader is killed',
    async () => {
      const { here, schedules, leader, position } = await pair()
      await leader.stop('SIGKILL')
      await change(schedules, '0 3 * * *')
      expect(await holderOf(here, schedules)).toMatch(/^other_/)
      expect(await outcomesOf(here, position)).toEqual({ done: ONE_CHANGE, refused: [] })
    },
    120_000,
  )

  it.concurrent(
    'the other takes over at once when the leader is stopped',
    async () => {
      const { here, schedules, leader, position } = await pair()
      expect(await leader.stop('SIGTERM')).toBe(0)
      expect(await holderOf(here, schedules)).not.toMatch(/^leader_/)
      await change(schedules, '0 3 * * *')
      expect(await outcomesOf(here, position)).toEqual({ done: ONE_CHANGE, refused: [] })
    },
    120_000,
  )

  it.concurrent(
    'pending writes of a paused leader are refused, and it sends nothing more',
    async () => {
      const { here, schedules, tls, leader, other, position } = await pair()
      // Two writes are pending: the update of a CronJob, and an event, which would be retried after some seconds.
      tls.forget()
      const { fault, reached, release } = holdBack(call('PUT', 'cronjobs', 'kept'))
      const isEvent = call('POST', 'events', 'new')
      tls.fault = (request) =>
        isEvent(request) ? { status: 429, headers: { 'retry-after': '5' } } : fault(request)
      await schedules.create('new')
      await until('the event', () => (tls.requests.some(isEvent) ? true : undefined))
      const changed = change(schedules, '0 3 * * *')
      await reached
      leader.signal('SIGSTOP')
      await changed
      expect(await holderOf(here, schedules)).toMatch(/^other_/)
      release()
      await until('the result of the late write', async () =>
        (await outcomesOf(here, position)).refused.length > 0 ? true : undefined,
      )
      expect(await outcomesOf(here, position, 'kept')).toEqual({
        done: ONE_CHANGE,
        refused: [`409 update cronjobs ${childName('kept')}`],
      })
      tls.fault = undefined
      tls.forget()
      leader.signal('SIGCONT')
      await until('the first one to look at the lease again', () =>
        tls.requests.some(call('GET', 'leases')) ? true : undefined,
      )
      await change(schedules, '0 4 * * *')
      await other.stop('SIGTERM')
      await untilHeldBy(here, schedules, /^leader_/)
      const beforeLeading = tls.requests.findIndex(call('PUT', 'leases'))
      expect(tls.requests.slice(0, beforeLeading).filter(({ method }) => method !== 'GET')).toEqual([])
      await change(schedules, '0 5 * * *')
      expect((await outcomesOf(here, position, 'kept')).done).toEqual([
        ...ONE_CHANGE,
        ...ONE_CHANGE,
        ...ONE_CHANGE,
      ])
      await everythingTold(schedules, here.name, 4)
      const events = (await eventsIn(schedules.client, here.name)).map((event) =>
        event.split(' ', 2).join(' '),
      )
      const updated = 'CronJobUpdated kept'
      expect(events).toEqual(['CronJobCreated kept', updated, updated, updated])
    },
    120_000,
  )

  it.concurrent.each(['cut', 'freeze'] as const)(
    'a leader without a network (%s) stops before the other starts, and follows after its reconnection',
    async (fault) => {
      const { here, schedules, tls, tcp, leader, other, position } = await pair()
      tcp[fault]()
      tls.forget()
      await change(schedules, '0 3 * * *')
      expect(await holderOf(here, schedules)).toMatch(/^other_/)
      expect(await metric(leader.url, 'rapidrmf_operator_leader')).toBe(0)
      expect(await metric(other.url, 'rapidrmf_operator_leader')).toBe(1)
      tcp.restore()
      await until('the first one to look at the lease again', () =>
        tls.requests.some(call('GET', 'leases')) ? true : undefined,
      )
      await change(schedules, '0 4 * * *')
      expect(await outcomesOf(here, position)).toEqual({ done: [...ONE_CHANGE, ...ONE_CHANGE], refused: [] })
      expect(tls.requests.filter(({ method }) => method !== 'GET')).toEqual([])
      expect((await fetch(`${leader.url}/healthz`)).status).toBe(200)
    },
    120_000,
  )
})

const ONE_CHANGE = [`update cronjobs ${childName('kept')}`, 'update validationschedules status kept']

/** Changes the schedule `kept`, and waits until the operator has handled it. */
async function change(schedules: Schedules, cron: string): Promise<void> {
  await schedules.patch('kept', [{ op: 'replace', path: '/spec/schedule', value: cron }])
  const { metadata } = await schedules.read('kept')
  await schedules.status(
    'kept',
    `observed at ${cron}`,
    ({ observedGeneration }) => observedGeneration === metadata.generation,
    TAKEOVER,
  )
  expect((await schedules.cronJobOf('kept')).spec['schedule']).toBe(cron)
}

async function holderOf(here: TestNamespace, { client }: Schedules): Promise<string> {
  const at = { namespace: here.name, name: 'rapidrmf-operator' }
  return (await client.get<Lease>(RESOURCES.leases, at)).spec?.holderIdentity ?? ''
}

async function untilHeldBy(here: TestNamespace, schedules: Schedules, holder: RegExp): Promise<void> {
  await until(
    `the lease to be held by ${holder.source}`,
    async () => (holder.test(await holderOf(here, schedules)) ? true : undefined),
    TAKEOVER,
  )
}

async function everythingTold({ client }: Schedules, namespace: string, count: number): Promise<void> {
  await until(`${count} events`, async () =>
    (await eventsIn(client, namespace)).length >= count ? true : undefined,
  )
}
