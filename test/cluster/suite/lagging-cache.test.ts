import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf } from '../outcomes.ts'
import { call } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { TlsProxy } from '../tls-proxy.ts'

/** Longer than the delays after which the operator reconciles again. */
const LAG_MS = 4_000

describeWithCluster('an operator whose caches lag behind its own writes', () => {
  const here = useNamespace('lag')
  let schedules: Schedules
  let proxy: TlsProxy
  let stop: () => Promise<void>
  const position = (): number => auditPosition(here.cluster.auditLog)
  const lag = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LAG_MS))

  /** The objects whose events reach the operator only after the release. */
  const delay = (resource: string): (() => void) => {
    const released = Promise.withResolvers<void>()
    const isDelayed = call('WATCH', resource)
    proxy.line = async (line, request) => {
      if (isDelayed(request)) await released.promise
      return line
    }
    const release = (): void => {
      proxy.line = undefined
      released.resolve()
    }
    onTestFinished(release)
    return release
  }

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    proxy = await startTlsProxy(here.cluster)
    stop = startOperator({ cluster: proxy.access, namespace: here.name })
    await schedules.create('first')
    await schedules.status('first', 'Ready', is('Ready', 'True'))
  })
  afterAll(() => stop())

  it('creates one CronJob, and writes the newest of several specs', async () => {
    const before = position()
    const release = delay('cronjobs')
    await schedules.create('changing')
    await schedules.status('changing', 'Ready', is('Ready', 'True'))
    for (const hour of [3, 4, 5]) {
      await schedules.patch('changing', [{ op: 'replace', path: '/spec/schedule', value: `0 ${hour} * * *` }])
    }
    await lag()
    expect((await outcomesOf(here, before, 'changing')).done).toEqual([
      `create cronjobs ${childName('changing')}`,
      'update validationschedules status changing',
    ])
    release()
    const { nextScheduleTime } = await schedules.status(
      'changing',
      'observed',
      ({ observedGeneration }) => observedGeneration === 4,
    )
    expect(nextScheduleTime).toMatch(/T05:00:00Z$/)
    expect(await outcomesOf(here, before, 'changing')).toEqual({
      done: [
        `create cronjobs ${childName('changing')}`,
        'update validationschedules status changing',
        `update cronjobs ${childName('changing')}`,
        'update validationschedules status changing',
      ],
      refused: [],
    })
  })

  it('recreates the CronJob once, when its deletion is seen late and the spec has changed', async () => {
    await schedules.create('deleted')
    await schedules.status('deleted', 'Ready', is('Ready', 'True'))
    const before = position()
    const release = delay('cronjobs')
    await schedules.client.remove(RESOURCES.cronJobs, { namespace: here.name, name: childName('deleted') })
    await schedules.patch('deleted', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
    await lag()
    release()
    await schedules.status('deleted', 'observed', ({ observedGeneration }) => observedGeneration === 2)
    const { spec } = await schedules.cronJobOf('deleted')
    expect(spec['schedule']).toBe('0 3 * * *')
    const { done, refused } = await outcomesOf(here, before, 'deleted')
    expect(done).toEqual([
      `create cronjobs ${childName('deleted')}`,
      'update validationschedules status deleted',
    ])
    expect(refused.length).toBeLessThan(10)
  })

  it('retries with backoff while it has an old version', async () => {
    await schedules.create('theirs')
    await schedules.status('theirs', 'Ready', is('Ready', 'True'))
    const before = position()
    const release = delay('cronjobs')
    await schedules.patchCronJob('theirs', [
      { op: 'add', path: '/metadata/annotations/team', value: 'theirs' },
    ])
    await schedules.patch('theirs', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
    await lag()
    release()
    await schedules.status('theirs', 'observed', ({ observedGeneration }) => observedGeneration === 2)
    const { done, refused } = await outcomesOf(here, before, 'theirs')
    expect(done).toEqual([
      `update cronjobs ${childName('theirs')}`,
      'update validationschedules status theirs',
    ])
    expect(new Set(refused)).toEqual(new Set([`409 update cronjobs ${childName('theirs')}`]))
    // The backoff doubles from 0.1 s: seven tries in four seconds, ten with the least jitter.
    expect(refused.length).toBeLessThan(10)
  })

  it('does not overwrite a status that it has not seen', async () => {
    await schedules.create('stale', { suspend: true })
    const { job, uid } = await schedules.runNow('stale', 'once')
    const before = position()
    const release = delay('validationschedules')
    await schedules.patch('stale', [{ op: 'replace', path: '/spec/suspend', value: false }])
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    await lag()
    expect((await outcomesOf(here, before, 'stale')).done).toEqual([])
    release()
    const { lastRun } = await schedules.status(
      'stale',
      'observed',
      ({ observedGeneration, lastRun }) => observedGeneration === 2 && lastRun !== undefined,
    )
    expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    const { done, refused } = await outcomesOf(here, before, 'stale')
    expect(done).toEqual([`update cronjobs ${childName('stale')}`, 'update validationschedules status stale'])
    // Each event of the Job and its pod causes a reconcile at once.
    expect(refused.length).toBeLessThan(20)
  })

  it('creates one Job per run request, and mirrors each run once', async () => {
    await schedules.create('running', { suspend: true })
    await schedules.status('running', 'Ready', is('Ready', 'True'))
    const release = delay('jobs')
    const first = await schedules.runNow('running', 'first')
    await schedules.request('running', 'second')
    await here.kubelet.finish(first.job, { exitCode: 0, message: summaryText(first.uid) })
    await lag()
    expect(await schedules.jobsOf('running')).toHaveLength(1)
    release()
    const { active: [second] = [], recentRuns } = await schedules.status(
      'running',
      'running again',
      ({ lastHandledRunRequest, active }) => lastHandledRunRequest === 'second' && active?.length === 1,
    )
    expect(recentRuns).toMatchObject([{ jobUID: first.uid, verdict: 'Passed' }])
    const jobs = (await schedules.jobsOf('running')).map(({ metadata }) => metadata.uid)
    expect(jobs).toHaveLength(2)
    expect(new Set(jobs)).toEqual(new Set([first.uid, second?.jobUID]))
  })

  it('ends no run by a pod before the Job has its end', async () => {
    await schedules.create('ahead', { suspend: true })
    const { job, uid } = await schedules.runNow('ahead', 'once')
    const release = delay('pods')
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun } = await schedules.status('ahead', 'lastRun', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    release()
  })
})
