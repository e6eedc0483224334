import { describe, expect, it } from 'vitest'
import type { V1Pod } from '@kubernetes/client-node'
import type { FinishedRun } from '../../../crds/validation-schedule.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const PROXY = { name: 'istio-proxy', image: 'registry.example/proxy' }
const NATIVE = { name: 'vault-agent', image: 'registry.example/vault', restartPolicy: 'Always' }
/** The timeout: ten seconds that the operator leaves to the Job, and some to see the status. */
const WAIT = { timeoutMs: 40_000 }

// Without a kubelet the deletion of a pod is immediate, and its termination message is lost with it.
describeWithCluster('a run with a container that keeps running', () => {
  const operated = useOperator('sidecars')
  const { here } = operated
  const write = (name: string) => `update validationschedules status ${name}`

  const start = async (name: string, by: object = { container: PROXY }, job: object = {}) => {
    const { schedules } = operated
    await schedules.create(name, { suspend: true, job })
    await schedules.status(name, 'Ready', is('Ready', 'True'))
    const run = await createJobByHand(schedules, name, `${name}-by-hand`, by)
    const pod = await here.kubelet.running(await here.kubelet.podOf(run.job))
    await schedules.status(name, 'active', ({ active }) => active?.[0]?.jobUID === run.uid)
    return { ...run, pod, position: operated.position() }
  }
  const findings = (uid: string) => ({
    exitCode: 0,
    message: summaryText(uid, { verdict: 'Findings', reason: 'ControlsNotPassed' }),
  })
  const recorded = (name: string) =>
    operated.schedules.status(name, 'recorded', ({ lastRun }) => lastRun !== undefined, WAIT)
  const over = (name: string) =>
    operated.schedules.status(name, 'over', ({ active }) => active === undefined, WAIT)
  const remove = ({ metadata }: V1Pod) =>
    operated.schedules.client.remove(RESOURCES.pods, { namespace: here.name, name: metadata?.name ?? '' })
  const said = (uid: string): Partial<FinishedRun> => ({ jobUID: uid, verdict: 'Findings', runId: '7' })

  describe.concurrent('is reported', () => {
    it.each([
      ['istio-proxy', 'beside', { container: PROXY }],
      ['vault-agent', 'native', { initContainer: NATIVE }],
    ])('with its own summary, and stays active because of %s', async (container, name, by) => {
      const { uid, pod, position } = await start(name, by)
      await here.kubelet.containerEnded(pod, findings(uid))
      const { active, lastRun } = await recorded(name)
      expect(lastRun).toMatchObject(said(uid))
      expect(active).toMatchObject([{ jobUID: uid, reason: 'RunEnded' }])
      expect(active?.[0]?.message).toContain(container)
      await here.kubelet.ended(pod, { ...findings(uid), others: '' })
      expect((await over(name)).lastRun).toEqual(lastRun)
      expect(await operated.schedules.writes(position, name)).toEqual([write(name), write(name)])
      expect(await operated.schedules.eventsOf(name)).toEqual([
        'CronJobCreated',
        'RunFoundFailures',
        'RunStarted',
      ])
    })

    it('and keeps its verdict when the Job runs into its deadline', async () => {
      const { uid, pod } = await start('deadline', { container: PROXY }, { activeDeadlineSeconds: 25 })
      await here.kubelet.containerEnded(pod, findings(uid))
      const { lastRun } = await recorded('deadline')
      expect(lastRun).toMatchObject(said(uid))
      expect((await over('deadline')).lastRun).toEqual(lastRun)
      const [job] = await operated.schedules.jobsOf('deadline')
      expect(JSON.stringify(job?.['status'])).toContain('DeadlineExceeded')
    })

    it('and keeps its verdict when the Job is deleted', async () => {
      const { job, uid, pod } = await start('deleted')
      await here.kubelet.containerEnded(pod, findings(uid))
      const { lastRun } = await recorded('deleted')
      await operated.schedules.client.remove(RESOURCES.jobs, { namespace: here.name, name: job })
      expect((await over('deleted')).lastRun).toEqual(lastRun)
    })

    it('and keeps its verdict when its pod is deleted, and the next pod finds it closed', async () => {
      const { job, uid, pod } = await start('evicted')
      await here.kubelet.containerEnded(pod, findings(uid))
      const { lastRun } = await recorded('evicted')
      await remove(pod)
      await here.kubelet.finish(job, { ...findings(uid), others: '' })
      expect((await over('evicted')).lastRun).toEqual(lastRun)
    })

    it('as Errored after an error, whatever the Job reports later', async () => {
      const { uid, pod } = await start('broke', { container: PROXY }, { activeDeadlineSeconds: 25 })
      const failure = {
        final: false,
        status: 'failed',
        verdict: 'Errored',
        reason: 'RunBroke',
        message: 'no database',
      } as const
      await here.kubelet.containerEnded(pod, { exitCode: 1, message: summaryText(uid, failure) })
      const broke = { verdict: 'Errored', reason: 'RunBroke', message: 'no database' }
      expect((await recorded('broke')).lastRun).toMatchObject(broke)
      expect((await over('broke')).lastRun).toMatchObject(broke)
    })

    it('as Errored, and as Passed after a retry of the Job', async () => {
      const { job, uid, pod } = await start('retried')
      await here.kubelet.containerEnded(pod, { exitCode: 1 })
      expect((await recorded('retried')).lastRun).toMatchObject({
        verdict: 'Errored',
        reason: 'ContainerFailed',
      })
      await here.kubelet.ended(pod, { exitCode: 1, others: '' })
      await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid), others: '' })
      const { lastRun, recentRuns } = await over('retried')
      expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
      expect(recentRuns).toHaveLength(1)
    })

    it('in one write with the end of its Job, if nothing delays that', async () => {
      const { job, uid, position } = await start('at-once')
      await here.kubelet.finish(job, { ...findings(uid), others: '' })
      const { active, lastRun } = await recorded('at-once')
      expect(active).toBeUndefined()
      expect(lastRun).toMatchObject(said(uid))
      expect(await operated.schedules.writes(position, 'at-once')).toEqual([write('at-once')])
    })
  })

  it('is reported by the next operator if the first ends within the ten seconds', async () => {
    const { uid, pod } = await start('restarted')
    await operated.restart(() => here.kubelet.containerEnded(pod, findings(uid)))
    const { active, lastRun } = await recorded('restarted')
    expect(lastRun).toMatchObject(said(uid))
    expect(active).toMatchObject([{ reason: 'RunEnded' }])
    const writes = await operated.restart(async () => {
      await operated.schedules.patchJob('restarted-by-hand', [
        { op: 'replace', path: '/spec/activeDeadlineSeconds', value: 1 },
      ])
      await until('the end of the Job', async () => {
        const [job] = await operated.schedules.jobsOf('restarted')
        return JSON.stringify(job?.['status']).includes('"Failed"') ? true : undefined
      })
    })
    expect(writes).toEqual([write('restarted')])
    expect((await over('restarted')).lastRun).toEqual(lastRun)
  }, 120_000)

  itIsStillAtWork(operated)
})
