import { beforeAll, expect, it } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf, eventsIn } from '../outcomes.ts'
import { call } from '../requests.ts'
import { startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { Fault, TlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The write during which the operator is killed, by schedule. */
const LAST_CALLS: Readonly<Record<string, readonly [method: string, resource: string, fault: Fault]>> = {
  'cron-job-unsent': ['POST', 'cronjobs', 'hang'],
  'cron-job-made': ['POST', 'cronjobs', 'hangAfter'],
  'cron-job-changed': ['PUT', 'cronjobs', 'hangAfter'],
  'status-unsent': ['PUT', 'validationschedules/status', 'hang'],
  'status-written': ['PUT', 'validationschedules/status', 'hangAfter'],
  'job-unsent': ['POST', 'jobs', 'hang'],
  'job-made': ['POST', 'jobs', 'hangAfter'],
}

/** The schedules with a successful write before the kill, seen or not by the operator. */
const EFFECTIVE = 2 + 4

describeWithCluster('an operator that was killed during its writes and restarted', () => {
  const here = useNamespace('killed')
  let schedules: Schedules
  let proxy: TlsProxy
  /** Positions of the audit log: when the faults were active, and when the second operator was started. */
  let before: number
  let restarted: number

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    proxy = await startTlsProxy(here.cluster)
    const setup = { cluster: proxy.access, namespace: here.name }
    const first = await startOperatorProcess(setup)
    for (const name of ['cron-job-changed', 'job-unsent', 'job-made']) {
      await schedules.create(name, { suspend: true })
      await schedules.status(name, 'Ready', is('Ready', 'True'))
    }
    await everythingTold(3)

    before = auditPosition(here.cluster.auditLog)
    const faults = Object.entries(LAST_CALLS).map(([schedule, [method, resource, fault]]) => ({
      matches: call(method, resource, schedule),
      fault,
    }))
    proxy.fault = (request) => faults.find(({ matches }) => matches(request))?.fault
    for (const name of ['cron-job-unsent', 'cron-job-made', 'status-unsent', 'status-written']) {
      await schedules.create(name)
    }
    await schedules.patch('cron-job-changed', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
    for (const name of ['job-unsent', 'job-made']) await schedules.request(name, 'once')
    await until('all of them to hang', async () => {
      const { done } = await outcomesOf(here, before)
      const sent = faults.every(({ matches }) => proxy.requests.some(matches))
      return sent && done.length === EFFECTIVE ? true : undefined
    })

    await first.stop('SIGKILL')
    proxy.fault = undefined
    proxy.forget()
    restarted = auditPosition(here.cluster.auditLog)
    await startOperatorProcess(setup)
    // The new leader reconciles all schedules, and this one with them.
    await schedules.create('last')
    await schedules.status('last', 'Ready', is('Ready', 'True'), { timeoutMs: 60_000 })
  }, 120_000)

  async function everythingTold(count: number): Promise<void> {
    await until(`${count} events`, async () =>
      (await eventsIn(schedules.client, here.name)).length >= count ? true : undefined,
    )
  }

  const status = 'update validationschedules status'

  it.each([
    ['cron-job-unsent', [], ['create cronjobs CHILD', status]],
    // No status has the defaults of the API server yet, so the CronJob is written again to learn them.
    ['cron-job-made', ['create cronjobs CHILD'], ['update cronjobs CHILD', status]],
    ['status-unsent', ['create cronjobs CHILD'], ['update cronjobs CHILD', status]],
    ['status-written', ['create cronjobs CHILD', status], []],
  ])('%s: creates one CronJob and writes one status', async (name, first, second) => {
    const { nextScheduleTime } = await schedules.status(name, 'Ready', is('Ready', 'True'))
    expect(nextScheduleTime).toMatch(/T02:00:00Z$/)
    const inFull = (writes: string[]) =>
      writes.map((write) =>
        write === status ? `${status} ${name}` : write.replace('CHILD', childName(name)),
      )
    expect(await outcomesOf(here, before, name)).toEqual({ done: inFull([...first, ...second]), refused: [] })
    expect((await outcomesOf(here, restarted, name)).done).toEqual(inFull(second))
  })

  it('changes the CronJob once, and writes it again to learn its result', async () => {
    const name = 'cron-job-changed'
    await schedules.status(name, 'observed', ({ observedGeneration }) => observedGeneration === 2)
    expect((await schedules.cronJobOf(name)).spec['schedule']).toBe('0 3 * * *')
    expect(await outcomesOf(here, before, name)).toEqual({
      done: [`update cronjobs ${childName(name)}`, `update cronjobs ${childName(name)}`, `${status} ${name}`],
      refused: [],
    })
    expect((await schedules.cronJobOf(name)).metadata.generation).toBe(2)
  })

  it.each(['job-unsent', 'job-made'])('%s: creates one Job', async (name) => {
    const { active } = await schedules.status(
      name,
      'handled',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === 'once',
    )
    const jobs = await schedules.jobsOf(name)
    expect(jobs.map(({ metadata }) => metadata.uid)).toEqual(active?.map(({ jobUID }) => jobUID))
    expect(await outcomesOf(here, before, name)).toEqual({
      done: [`create jobs ${jobs[0]?.metadata.name}`, `${status} ${name}`],
      refused: [],
    })
  })

  it('sends no event twice', async () => {
    const sent = await until('the event of the new Job', async () => {
      const events = await eventsIn(schedules.client, here.name)
      return events.some((event) => event.startsWith('RunStarted job-made ')) ? events : undefined
    })
    expect(sent).toEqual([...new Set(sent)])
  })
})
