import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf, eventsIn } from '../outcomes.ts'
import { call, once } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { Fault, ProxiedRequest, TlsProxy } from '../tls-proxy.ts'

type Inject = (request: ProxiedRequest) => Fault | undefined

describeWithCluster('an operator whose requests get no response', () => {
  const here = useNamespace('unanswered')
  const faults = new Set<Inject>()
  let schedules: Schedules
  let proxy: TlsProxy
  let stop: () => Promise<void>
  const position = (): number => auditPosition(here.cluster.auditLog)

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    proxy = await startTlsProxy(here.cluster)
    proxy.fault = (request) => {
      for (const inject of faults) {
        const fault = inject(request)
        if (fault !== undefined) return fault
      }
      return undefined
    }
    stop = startOperator({ cluster: proxy.access, namespace: here.name })
  })
  afterAll(() => stop())

  /** Checks that the request was made and got its fault: otherwise the test would prove nothing. */
  const inject = (method: string, resource: string, schedule: string, fault: Fault): (() => number) => {
    let met = 0
    const single = once(call(method, resource, schedule), fault)
    const counted: Inject = (request) => {
      const found = single(request)
      if (found !== undefined) met += 1
      return found
    }
    faults.add(counted)
    return () => met
  }

  /** The repeated write of a CronJob, after a lost response, to learn its result. */
  const again = (fault: Fault, name: string): string[] =>
    fault === 'drop' ? [] : [`update cronjobs ${childName(name)}`]

  describe.each<[what: string, fault: Fault, prefix: string]>([
    ['the connection ends before the API server gets the request', 'drop', 'unheard'],
    ['the connection breaks after it was done', 'dropAfter', 'done'],
    ['it was done, and the answer never comes', 'hangAfter', 'silent'],
  ])('%s:', (_what, fault, prefix) => {
    it.concurrent('one CronJob is created', async () => {
      const name = `${prefix}-post`
      const met = inject('POST', 'cronjobs', name, fault)
      const before = position()
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      expect(met()).toBe(1)
      expect((await outcomesOf(here, before, name)).done).toEqual([
        `create cronjobs ${childName(name)}`,
        ...again(fault, name),
        `update validationschedules status ${name}`,
      ])
    })

    it.concurrent('a CronJob is changed once', async () => {
      const name = `${prefix}-put`
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      const met = inject('PUT', 'cronjobs', name, fault)
      const before = position()
      await schedules.patch(name, [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
      await schedules.status(name, 'observed', ({ observedGeneration }) => observedGeneration === 2)
      expect(met()).toBe(1)
      const { spec, metadata } = await schedules.cronJobOf(name)
      expect([spec['schedule'], metadata.generation]).toEqual(['0 3 * * *', 2])
      expect((await outcomesOf(here, before, name)).done).toEqual([
        `update cronjobs ${childName(name)}`,
        ...again(fault, name),
        `update validationschedules status ${name}`,
      ])
    })

    it.concurrent('a status is written once', async () => {
      const name = `${prefix}-status`
      const met = inject('PUT', 'validationschedules/status', name, fault)
      const before = position()
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      await schedules.runNow(name, 'after')
      expect(met()).toBe(1)
      const [job] = await schedules.jobsOf(name)
      expect((await outcomesOf(here, before, name)).done).toEqual([
        `create cronjobs ${childName(name)}`,
        `update validationschedules status ${name}`,
        `create jobs ${job?.metadata.name}`,
        `update validationschedules status ${name}`,
      ])
    })

    it.concurrent('one Job is created for a run request, and its run is mirrored', async () => {
      const name = `${prefix}-run`
      await schedules.create(name, { suspend: true })
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      const met = inject('POST', 'jobs', name, fault)
      const before = position()
      const { job, uid } = await schedules.runNow(name, 'once')
      await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
      const ended = await schedules.status(name, 'lastRun', ({ lastRun }) => lastRun !== undefined)
      expect(ended.lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
      expect(met()).toBe(1)
      expect((await schedules.jobsOf(name)).map(({ metadata }) => metadata.name)).toEqual([job])
      expect((await outcomesOf(here, before, name)).done).toEqual([
        `create jobs ${job}`,
        `update validationschedules status ${name}`,
        `update validationschedules status ${name}`,
      ])
    })
  })

  it('has nothing left to do afterwards, and retries each request at most once', async () => {
    const before = position()
    await schedules.create('last')
    await schedules.status('last', 'Ready', is('Ready', 'True'))
    expect((await outcomesOf(here, before)).done).toEqual([
      `create cronjobs ${childName('last')}`,
      'update validationschedules status last',
    ])
    const { refused } = await outcomesOf(here, 0)
    expect(refused.filter((each) => !each.startsWith('409 '))).toEqual([])
    expect(refused.length).toBeLessThanOrEqual(8)
  })

  it('sends each event once', async () => {
    const events = await eventsIn(schedules.client, here.name)
    expect(events).toEqual([...new Set(events)])
  })
})
