import { expect, it } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { hurried } from '../hurried-clock.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { conditionOf, is, summaryText } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const QUOTAS = { group: '', version: 'v1', plural: 'resourcequotas' }

describeWithCluster('a quota', () => {
  const operated = useOperator('quota', { clock: hurried })
  const { here } = operated

  const withQuota = async (hard: Record<string, string>, use: () => Promise<void>): Promise<void> => {
    const { client } = operated.schedules
    const metadata = { namespace: here.name, name: 'nothing' }
    await client.create(QUOTAS, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } })
    await until('the quota to count', async () => {
      const { status } = await client.get(QUOTAS, metadata)
      return (status as { hard?: unknown } | undefined)?.hard === undefined ? undefined : true
    })
    try {
      await use()
    } finally {
      await client.remove(QUOTAS, metadata)
    }
  }

  it('that forbids the CronJob is reported, and no longer after its end', async () => {
    const { schedules } = operated
    const position = operated.position()
    await withQuota({ 'count/cronjobs.batch': '0' }, async () => {
      await schedules.create('poor')
      const status = await schedules.status('poor', 'forbidden', is('Ready', 'False'))
      expect(conditionOf(status, 'Ready')?.message).toContain('exceeded quota: nothing')
      expect(conditionOf(status, 'Accepted')).toMatchObject({ status: 'Unknown', reason: 'Pending' })
      expect(conditionOf(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'Forbidden' })
      expect(status).not.toHaveProperty('cronJobName')
      expect(status).not.toHaveProperty('nextScheduleTime')
      // A run request waits as well.
      await schedules.request('poor', 'once')
    })
    // No event reports the end of the quota to the operator.
    const status = await schedules.status('poor', 'Ready', is('Ready', 'True'))
    expect(conditionOf(status, 'Stalled')).toMatchObject({ status: 'False' })
    await schedules.status('poor', 'a run', ({ lastHandledRunRequest }) => lastHandledRunRequest === 'once')
    const effects = await schedules.effects(position, 'poor')
    expect(effects.filter((write) => write === `create cronjobs ${childName('poor')}`)).toHaveLength(1)
    expect(await schedules.jobsOf('poor')).toHaveLength(1)
  })

  it('that forbids the Job of a request leaves the request open until its end', async () => {
    const { schedules } = operated
    await schedules.create('jobless', { suspend: true })
    await schedules.status('jobless', 'Ready', is('Ready', 'True'))
    await withQuota({ 'count/jobs.batch': '0' }, async () => {
      await schedules.request('jobless', 'once')
      const events = await until('a word about it', async () => {
        const found = await schedules.eventsOf('jobless')
        return found.includes('RunStuck') ? found : undefined
      })
      expect(events).toEqual(['CronJobCreated', 'RunStuck'])
      expect((await schedules.read('jobless')).status).not.toHaveProperty('lastHandledRunRequest')
    })
    await schedules.status(
      'jobless',
      'a run',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === 'once',
    )
    expect(await schedules.jobsOf('jobless')).toHaveLength(1)
  })

  it('that forbids the pod is the reason of an active run without progress, until its end', async () => {
    const { schedules } = operated
    await schedules.create('podless', { suspend: true })
    let run = { job: '', uid: '' }
    await withQuota({ pods: '0' }, async () => {
      run = await schedules.runNow('podless', 'once')
      const { active } = await schedules.status(
        'podless',
        'a reason',
        ({ active }) => active?.[0]?.reason !== undefined,
      )
      expect(active).toMatchObject([
        { reason: 'FailedCreate', message: expect.stringContaining('exceeded quota: nothing') as string },
      ])
    })
    // The Job controller retries with backoff.
    const pod = await until('a pod', () => here.kubelet.podOf(run.job).catch(() => undefined), {
      timeoutMs: 90_000,
    })
    await here.kubelet.running(pod)
    await schedules.status('podless', 'on its way', ({ active }) => active?.[0]?.reason === undefined)
    await here.kubelet.finish(run.job, { exitCode: 0, message: summaryText(run.uid) })
    const { lastRun } = await schedules.status('podless', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ jobUID: run.uid, verdict: 'Passed' })
  }, 120_000)

  itIsStillAtWork(operated)
})
