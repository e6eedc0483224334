import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import type { Resource } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The garbage collector may need half a minute to detect the CRD. */
const COLLECTED = { timeoutMs: 90_000 }
const FINALIZER = 'example.com/held'
const hold = [{ op: 'add', path: '/metadata/finalizers', value: [FINALIZER] }] as const
const release = [{ op: 'remove', path: '/metadata/finalizers' }] as const

describeWithCluster('a schedule', () => {
  const operated = useOperator('lifecycle')
  const { here } = operated

  beforeAll(async () => {
    // Its slot comes during other tests.
    await operated.schedules.create('minutely', { schedule: '* * * * *' })
  })

  const gone = (resource: Resource, name: string) =>
    until(
      `the end of ${resource.plural}/${name}`,
      async () => ((await operated.schedules.find(resource, name)) === undefined ? true : undefined),
      COLLECTED,
    )

  const running = async (name: string) => {
    await operated.schedules.create(name, { suspend: true })
    const run = await operated.schedules.runNow(name, 'once')
    const pod = await here.kubelet.running(await here.kubelet.podOf(run.job))
    return { ...run, pod: pod.metadata?.name ?? '' }
  }

  it('can be changed during a run, which continues and is mirrored at its end', async () => {
    const { schedules } = operated
    const { job, uid } = await running('changed')
    const position = operated.position()
    await schedules.patch('changed', [
      { op: 'replace', path: '/spec/schedule', value: '0 3 * * *' },
      { op: 'add', path: '/spec/job/pod/image', value: 'registry.example/other:2' },
    ])
    const changed = await schedules.status(
      'changed',
      'seen',
      ({ observedGeneration }) => observedGeneration === 2,
    )
    expect(changed.active).toMatchObject([{ jobUID: uid }])
    expect(JSON.stringify((await schedules.cronJobOf('changed')).spec)).toContain('registry.example/other:2')
    expect(await schedules.writes(position, 'changed')).toEqual([
      `update cronjobs ${childName('changed')}`,
      'update validationschedules status changed',
    ])
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun } = await schedules.status('changed', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    expect(await schedules.writes(position, 'changed')).toHaveLength(3)
    expect(await schedules.jobsOf('changed')).toHaveLength(1)
  })

  it('is suspended and resumed with two writes each', async () => {
    const { schedules } = operated
    await schedules.create('paused')
    await schedules.status('paused', 'Ready', is('Ready', 'True', 'CronJobReady'))
    const position = operated.position()
    const twoWrites = [`update cronjobs ${childName('paused')}`, 'update validationschedules status paused']

    await schedules.patch('paused', [{ op: 'replace', path: '/spec/suspend', value: true }])
    const suspended = await schedules.status('paused', 'Suspended', is('Ready', 'True', 'Suspended'))
    expect(suspended).not.toHaveProperty('nextScheduleTime')
    expect((await schedules.cronJobOf('paused')).spec).toMatchObject({ suspend: true })
    expect(await schedules.writes(position, 'paused')).toEqual(twoWrites)

    await schedules.patch('paused', [{ op: 'replace', path: '/spec/suspend', value: false }])
    const resumed = await schedules.status('paused', 'resumed', is('Ready', 'True', 'CronJobReady'))
    expect(resumed.nextScheduleTime).toMatch(/T02:00:00Z$/)
    expect((await schedules.cronJobOf('paused')).spec).toMatchObject({ suspend: false })
    expect(await schedules.writes(position, 'paused')).toEqual([...twoWrites, ...twoWrites])
  })

  it('mirrors a run by kubectl create job as Manual', async () => {
    const { schedules } = operated
    await schedules.create('by-hand', { suspend: true })
    await schedules.status('by-hand', 'Ready', is('Ready', 'True'))
    const { job, uid } = await createJobByHand(schedules, 'by-hand', 'made-by-hand')
    const { active } = await schedules.status('by-hand', 'active', ({ active }) => active !== undefined)
    expect(active).toMatchObject([{ job, jobUID: uid, trigger: 'Manual' }])
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun } = await schedules.status('by-hand', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ job, jobUID: uid, trigger: 'Manual', verdict: 'Passed', late: false })
    expect(lastRun).not.toHaveProperty('scheduledTime')
  })

  it('ignores a Job that only has its label', async () => {
    const { schedules } = operated
    const { metadata } = await schedules.create('labelled', { suspend: true })
    await schedules.create('unrelated', { suspend: true })
    await schedules.status('labelled', 'Ready', is('Ready', 'True'))
    const unrelated = await schedules.status('unrelated', 'Ready', is('Ready', 'True'))
    const configMap = await here.admin.core.createNamespacedConfigMap({
      namespace: here.name,
      body: { metadata: { name: 'owner' } },
    })
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: configMap.metadata?.uid ?? '' }
    const label = { 'rapidrmf.io/schedule-uid': metadata.uid ?? '' }
    const strangers = [
      await createJobByHand(schedules, 'labelled', 'without-controller', { ownerReferences: [] }),
      await createJobByHand(schedules, 'labelled', 'with-owner', { ownerReferences: [owner] }),
      await createJobByHand(schedules, 'labelled', 'of-another', {
        ownerReferences: [{ ...owner, controller: true }],
      }),
      await createJobByHand(schedules, 'unrelated', 'of-the-unrelated', { labels: label }),
    ]
    // They are active, and do not block a requested run.
    const ours = await schedules.runNow('labelled', 'once')
    for (const { job, uid } of [...strangers, ours]) {
      await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    }
    const recorded = await schedules.status('labelled', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(recorded.recentRuns).toMatchObject([{ jobUID: ours.uid }])
    expect(recorded.active).toBeUndefined()
    expect((await schedules.read('unrelated')).status).toEqual(unrelated)
  })

  it('runs at its slot with one write for the start and one for the end', async () => {
    const { schedules } = operated
    const waiting = { timeoutMs: 75_000 }
    const { active = [], nextScheduleTime = '' } = await schedules.status(
      'minutely',
      'a run',
      ({ active }) => active !== undefined,
      waiting,
    )
    const [run] = active
    expect(run).toMatchObject({
      trigger: 'Schedule',
      scheduledTime: expect.stringMatching(/:00Z$/) as string,
    })
    expect(Date.parse(nextScheduleTime) - Date.parse(run?.scheduledTime ?? '')).toBe(60_000)
    await schedules.patch('minutely', [{ op: 'replace', path: '/spec/suspend', value: true }])
    await schedules.status('minutely', 'Suspended', is('Ready', 'True', 'Suspended'))
    const uid = run?.jobUID ?? ''
    await here.kubelet.finish(run?.job ?? '', { exitCode: 0, message: summaryText(uid) })
    const recorded = await schedules.status('minutely', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(recorded.lastRun).toMatchObject({
      jobUID: uid,
      trigger: 'Schedule',
      late: false,
      verdict: 'Passed',
    })
    expect(recorded.lastScheduleTime).toBe(run?.scheduledTime)
    const status = 'update validationschedules status minutely'
    expect(await schedules.writes(0, 'minutely')).toEqual([
      `create cronjobs ${childName('minutely')}`,
      status,
      status,
      `update cronjobs ${childName('minutely')}`,
      status,
      status,
    ])
  }, 120_000)

  describe('deleted during a run', () => {
    it('is deleted with all its objects, and nothing is recreated', async () => {
      const { schedules } = operated
      const { job, pod } = await running('background')
      const position = operated.position()
      await schedules.remove('background')
      await gone(RESOURCES.cronJobs, childName('background'))
      await gone(RESOURCES.jobs, job)
      await gone(RESOURCES.pods, pod)
      await schedules.create('after-background')
      await schedules.status('after-background', 'Ready', is('Ready', 'True'))
      expect(await schedules.effects(position, 'background')).toEqual([])
    }, 120_000)

    it('in the foreground is not changed while its children are deleted', async () => {
      const { schedules } = operated
      const { job, pod } = await running('foreground')
      // The schedule waits for its CronJob, and the CronJob for the test.
      await schedules.patchCronJob('foreground', [
        ...hold,
        { op: 'add', path: '/metadata/ownerReferences/0/blockOwnerDeletion', value: true },
      ])
      // The garbage collector must know blockOwnerDeletion, which it reads from its own watch.
      await sleep(2_000)
      const position = operated.position()
      await schedules.remove('foreground', 'Foreground')
      await gone(RESOURCES.jobs, job)
      await gone(RESOURCES.pods, pod)
      const { metadata, status } = await schedules.read('foreground')
      expect(metadata.deletionTimestamp).toBeDefined()
      await schedules.request('foreground', 'too late')
      await schedules.patchCronJob('foreground', [{ op: 'replace', path: '/spec/suspend', value: false }])
      await schedules.create('after-foreground')
      await schedules.status('after-foreground', 'Ready', is('Ready', 'True'))
      expect((await schedules.read('foreground')).status).toEqual(status)
      await schedules.patchCronJob('foreground', release)
      await gone(RESOURCES.schedules, 'foreground')
      await gone(RESOURCES.cronJobs, childName('foreground'))
      // Writes that were in progress at the deletion are refused.
      expect(await schedules.effects(position, 'foreground')).toEqual([])
    }, 120_000)

    it('and recreated at once, waits for the end of the old CronJob and does not list the old run', async () => {
      const { schedules } = operated
      const { job, uid } = await running('again')
      const old = await schedules.cronJobOf('again')
      await schedules.patchCronJob('again', hold)
      const pod = await here.kubelet.podOf(job)
      await schedules.remove('again')
      await gone(RESOURCES.schedules, 'again')
      const position = operated.position()
      const { metadata } = await schedules.create('again', { suspend: true })
      await schedules.status('again', 'waiting', is('Ready', 'False', 'WaitingForCleanup'))
      await here.kubelet
        .ended(pod, { exitCode: 0, message: summaryText(uid) })
        .catch(() => 'collected before')
      await gone(RESOURCES.jobs, job)
      await schedules.patchCronJob('again', release)
      const status = await schedules.status('again', 'Ready', is('Ready', 'True'))
      const { metadata: made } = await schedules.cronJobOf('again')
      expect(made.uid).not.toBe(old.metadata.uid)
      expect(made.ownerReferences).toMatchObject([{ uid: metadata.uid, controller: true }])
      expect(status).not.toHaveProperty('active')
      expect(status).not.toHaveProperty('lastRun')
      // There are one or two statuses: that the old CronJob exists, if the garbage collector has not marked it yet, and
      // that it is being deleted.
      const writes = await schedules.writes(position, 'again')
      const withoutRepetitions = writes.filter((write, index) => write !== writes[index - 1])
      expect(withoutRepetitions).toEqual([
        'update validationschedules status again',
        `create cronjobs ${childName('again')}`,
        'update validationschedules status again',
      ])
      expect(writes.length).toBeLessThanOrEqual(4)
    }, 120_000)

    it('without its children and recreated, adopts the CronJob, but not the old run', async () => {
      const { schedules } = operated
      const { job, uid } = await running('orphan')
      const old = await schedules.cronJobOf('orphan')
      await schedules.remove('orphan', 'Orphan')
      await gone(RESOURCES.schedules, 'orphan')
      const { metadata } = await schedules.create('orphan', { suspend: true })
      await schedules.status('orphan', 'Ready', is('Ready', 'True'))
      const { metadata: kept } = await schedules.cronJobOf('orphan')
      expect(kept.uid).toBe(old.metadata.uid)
      expect(kept.ownerReferences).toMatchObject([{ uid: metadata.uid, controller: true }])
      await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
      const ours = await schedules.runNow('orphan', 'mine')
      await here.kubelet.finish(ours.job, { exitCode: 0, message: summaryText(ours.uid) })
      const { recentRuns } = await schedules.status(
        'orphan',
        'recorded',
        ({ lastRun }) => lastRun !== undefined,
      )
      expect(recentRuns).toMatchObject([{ jobUID: ours.uid }])
    }, 120_000)
  })

  itIsStillAtWork(operated)
})
