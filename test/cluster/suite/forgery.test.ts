import { afterAll, beforeAll, expect, it } from 'vitest'
import type { V1Pod } from '@kubernetes/client-node'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { forgePod, holdPod, releasePod } from '../forged-pod.ts'
import type { Forgery, Owner } from '../forged-pod.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

type Run = { readonly job: string; readonly uid: string }

describeWithCluster('a run with forged pods and Jobs', () => {
  const operated = useOperator('forgery')
  const { here } = operated
  const forged: V1Pod[] = []
  let stranger: Owner

  beforeAll(async () => {
    const body = { metadata: { name: 'owner' } }
    const { metadata } = await here.admin.core.createNamespacedConfigMap({ namespace: here.name, body })
    stranger = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata?.uid ?? '' }
  })
  afterAll(() => Promise.all(forged.map((pod) => releasePod(here, pod).catch(() => 'gone'))))

  const start = async (name: string, spec: object = {}) => {
    const { metadata } = await operated.schedules.create(name, { suspend: true, ...spec })
    const job = await operated.schedules.runNow(name, 'once')
    return { ...job, scheduleUid: metadata.uid ?? '' }
  }
  const forge = async (forgery: Forgery): Promise<void> => {
    forged.push(await forgePod(here, { ...forgery, held: true }))
  }
  const recorded = (name: string) =>
    operated.schedules.status(name, 'recorded', ({ lastRun }) => lastRun !== undefined)
  const jobOf = ({ job, uid }: Run): Owner => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: job,
    uid,
  })

  it.concurrent.each([
    ['of-another-kind', () => stranger],
    ['of-another-group', (run: Run) => ({ ...jobOf(run), apiVersion: 'example.com/v1' })],
    ['of-a-cron-job', (run: Run) => ({ ...jobOf(run), kind: 'CronJob' })],
  ] as const)('ignores a pod with its labels and another controller: %s', async (name, controller) => {
    const run = await start(name, { job: { backoffLimit: 0 } })
    const message = summaryText(run.uid, { message: 'said by a forger' })
    const { scheduleUid } = run
    await forge({ name: `forged-${name}`, job: run, scheduleUid, message, controller: controller(run) })
    await here.kubelet.finish(run.job, { exitCode: 1 })
    expect((await recorded(name)).lastRun).toMatchObject({
      jobUID: run.uid,
      verdict: 'Errored',
      reason: 'BackoffLimitExceeded',
    })
  })

  // The Job controller adopts a pod without a controller by its labels.
  it.concurrent.each(['created-under-it', 'adopted-by-it'])(
    'is Errored, never Passed, when another pod of its Job contradicts it: %s',
    async (name) => {
      const run = await start(name)
      const { scheduleUid } = run
      const real = await here.kubelet.running(await here.kubelet.podOf(run.job))
      // The Job controller may count the forged pod as the first success, and then deletes this one.
      await holdPod(here, real)
      forged.push(real)
      await forge({
        name: `forged-${name}`,
        job: run,
        scheduleUid,
        ...(name === 'created-under-it' && { controller: jobOf(run) }),
        message: summaryText(run.uid),
      })
      const findings = summaryText(run.uid, { verdict: 'Findings', reason: 'ControlsNotPassed' })
      await here.kubelet.ended(real, { exitCode: 0, message: findings })
      const status = await recorded(name)
      expect(status.lastRun).toMatchObject({ verdict: 'Errored', reason: 'SummariesContradict' })
      for (const pod of [`forged-${name}`, real.metadata?.name]) {
        expect(status.lastRun?.message).toContain(pod)
      }
      expect(is('Compliant', 'Unknown', 'RunErrored')(status)).toBe(true)
      expect(status).not.toHaveProperty('lastPassedTime')
    },
  )

  it.concurrent('has the verdict of its workers if they agree, and is Errored if they do not', async () => {
    const spec = { job: { parallelism: 2 } }
    const [agreed, apart] = await Promise.all([start('agreed', spec), start('apart', spec)])
    const end = async ({ job, uid }: Run, ids: readonly number[]) => {
      const pods = await here.kubelet.podsOf(job, 2)
      for (const [index, pod] of pods.entries()) {
        const message = summaryText(uid, { runId: ids[index] ?? null })
        await here.kubelet.ended(await here.kubelet.running(pod), { exitCode: 0, message })
      }
    }
    await end(agreed, [7, 7])
    await end(apart, [7, 8])
    expect((await recorded('agreed')).lastRun).toMatchObject({ verdict: 'Passed', runId: '7' })
    expect((await recorded('apart')).lastRun).toMatchObject({
      verdict: 'Errored',
      reason: 'SummariesContradict',
    })
  })

  it.concurrent(
    'is not a Job whose controller has the name of the CronJob and another UID',
    async () => {
      const { schedules } = operated
      await schedules.create('namesake', { suspend: true })
      const before = await schedules.status('namesake', 'Ready', is('Ready', 'True'))
      const cronJob = { apiVersion: 'batch/v1', kind: 'CronJob', name: childName('namesake') }
      await createJobByHand(schedules, 'namesake', 'by-a-namesake', {
        ownerReferences: [{ ...cronJob, uid: '5f0c7f43-0d49-4f5e-a2b4-7d1b7a5c0a11', controller: true }],
      })
      // The garbage collector deletes the Job, because there is no CronJob with this UID.
      await until(
        'the end of the Job',
        async () =>
          (await schedules.find(RESOURCES.jobs, 'by-a-namesake')) === undefined ? true : undefined,
        { timeoutMs: 90_000 },
      )
      const ours = await schedules.runNow('namesake', 'once')
      await here.kubelet.finish(ours.job, { exitCode: 0, message: summaryText(ours.uid) })
      const { recentRuns } = await recorded('namesake')
      expect(recentRuns).toMatchObject([{ jobUID: ours.uid }])
      expect(before).not.toHaveProperty('active')
      expect((await schedules.eventsOf('namesake')).filter((reason) => reason === 'RunStarted')).toHaveLength(
        1,
      )
    },
    120_000,
  )

  itIsStillAtWork(operated)
})
