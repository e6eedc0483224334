// Scenarios: the life of one schedule from its creation to an end, with a running operator.
import { setTimeout as sleep } from 'node:timers/promises'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { forgePod, releasePod } from '../forged-pod.ts'
import type { TestNamespace } from '../namespace.ts'
import type { Kubelet } from '../play-kubelet.ts'
import { is, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'
import { QUIET } from './quiet-schedule.ts'

export type Stage = {
  readonly here: TestNamespace
  readonly namespace: string
  readonly schedules: Schedules
  readonly kubelet: Kubelet
  /** A settled state of the operator: here it can be restarted, and lists can be recorded. */
  rest(): Promise<void>
}

export type Scenario = {
  readonly name: string
  readonly play: (stage: Stage) => Promise<void>
  /**
   * True if an object of the operator is deleted before the end. A create has no version: if it arrives after another
   * leader's object was created and deleted, it creates the object again. Kubernetes cannot prevent this.
   */
  readonly withoutLateWrites?: true
}

/** The name of the schedule in all scenarios. */
export const IT = 'nightly'
/** The garbage collector may need half a minute to notice a new kind of objects. */
const COLLECTED = { timeoutMs: 90_000 }

export const SCENARIOS: readonly Scenario[] = [
  { name: 'created', play: create },
  {
    name: 'deleted and recreated',
    play: async (stage) => {
      await create(stage)
      await stage.schedules.remove(IT)
      await makeAgain(stage)
    },
  },
  {
    name: 'deleted without its CronJob and recreated',
    play: async (stage) => {
      const { schedules } = stage
      await create(stage)
      // The garbage collector orphans the objects that it knows, and deletes objects that it sees later.
      await sleep(2_000)
      await schedules.remove(IT, 'Orphan')
      await makeAgain(stage)
    },
  },
  {
    name: 'changed',
    play: async (stage) => {
      await create(stage)
      await change(stage, '/spec/job/backoffLimit', 5)
      await stage.rest()
      await change(stage, '/spec/environment', 'staging')
      await stage.rest()
    },
  },
  {
    name: 'suspended and resumed',
    play: async (stage) => {
      await create(stage)
      await change(stage, '/spec/suspend', true)
      await stage.rest()
      await change(stage, '/spec/suspend', false)
      await stage.rest()
    },
  },
  {
    name: 'made invalid and corrected',
    play: async (stage) => {
      const { schedules } = stage
      await create(stage)
      await schedules.patch(IT, [{ op: 'replace', path: '/spec/timeZone', value: 'Mars/Base' }])
      await schedules.status(IT, 'refused', is('Accepted', 'False', 'InvalidSpec'))
      await stage.rest()
      await change(stage, '/spec/timeZone', 'Europe/Berlin')
      await stage.rest()
    },
  },
  {
    name: 'made invalid, suspended, and corrected',
    play: async (stage) => {
      const { schedules } = stage
      await create(stage)
      await schedules.patch(IT, [{ op: 'replace', path: '/spec/timeZone', value: 'Mars/Base' }])
      await schedules.status(IT, 'refused', is('Accepted', 'False', 'InvalidSpec'))
      await stage.rest()
      await schedules.patch(IT, [{ op: 'add', path: '/spec/suspend', value: true }])
      await schedules.status(IT, 'suspended', ({ cronJob }) => cronJob?.suspended === true)
      await stage.rest()
      await change(stage, '/spec/timeZone', 'Europe/Berlin')
      await stage.rest()
    },
  },
  {
    name: 'its CronJob deleted',
    play: async (stage) => {
      const { schedules, namespace } = stage
      await create(stage)
      const { metadata } = await schedules.cronJobOf(IT)
      await schedules.client.remove(RESOURCES.cronJobs, { namespace, name: childName(IT) })
      await until('another CronJob', async () => {
        const found = await schedules.find(RESOURCES.cronJobs, childName(IT))
        return found === undefined || found.metadata.uid === metadata.uid ? undefined : true
      })
      await stage.rest()
    },
  },
  {
    name: 'run by request',
    play: async (stage) => {
      const { schedules, kubelet } = stage
      await create(stage)
      const { job, uid } = await schedules.runNow(IT, 'once')
      await stage.rest()
      await kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
      await ended(stage, uid)
      await stage.rest()
    },
  },
  {
    name: 'run by request, and the Job deleted when it had ended',
    withoutLateWrites: true,
    play: async (stage) => {
      const { schedules, kubelet, namespace } = stage
      await create(stage)
      const { job, uid } = await schedules.runNow(IT, 'once')
      await kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
      await ended(stage, uid)
      await schedules.client.remove(RESOURCES.jobs, { namespace, name: job })
      await stage.rest()
    },
  },
  {
    name: 'run by request, and contradicted by a pod of its Job',
    play: async (stage) => {
      const { schedules, kubelet, here } = stage
      await create(stage)
      const run = await schedules.runNow(IT, 'once')
      await stage.rest()
      const real = await kubelet.running(await kubelet.podOf(run.job))
      const forged = await forgePod(here, {
        name: 'contradicting',
        held: true,
        job: run,
        scheduleUid: (await schedules.read(IT)).metadata.uid ?? '',
        controller: { apiVersion: 'batch/v1', kind: 'Job', name: run.job, uid: run.uid },
        message: summaryText(run.uid, { runId: 8 }),
      })
      await kubelet.ended(real, { exitCode: 0, message: summaryText(run.uid) })
      await ended(stage, run.uid)
      await stage.rest()
      await releasePod(here, forged)
    },
  },
  {
    name: 'run by request, and held up by a sidecar',
    play: async (stage) => {
      const { schedules, kubelet } = stage
      await create(stage)
      const { job, uid } = await schedules.runNow(IT, 'once')
      const pod = await kubelet.running(await kubelet.podOf(job))
      const ending = { exitCode: 0, message: summaryText(uid) }
      await kubelet.containerEnded(pod, { ...ending, injected: 'istio-proxy' })
      await ended(stage, uid)
      await stage.rest()
      await kubelet.ended(pod, ending)
      await schedules.status(IT, 'over', ({ active }) => active === undefined)
      await stage.rest()
    },
  },
  {
    name: 'run by its slot',
    play: async (stage) => {
      const { kubelet } = stage
      await create(stage)
      const { job, uid } = await jobOfSlot(stage)
      await stage.schedules.status(IT, 'running', ({ active }) => active?.[0]?.jobUID === uid)
      await stage.rest()
      await kubelet.finish(job, { exitCode: 2 })
      await ended(stage, uid)
      await stage.rest()
    },
  },
  {
    name: 'run by its slot, and its Job deleted during the run',
    play: async (stage) => {
      const { schedules, namespace } = stage
      await create(stage)
      const { job, uid } = await jobOfSlot(stage)
      await schedules.status(IT, 'running', ({ active }) => active?.[0]?.jobUID === uid)
      await schedules.client.remove(RESOURCES.jobs, { namespace, name: job })
      await ended(stage, uid)
      await stage.rest()
    },
  },
]

async function create(stage: Stage): Promise<void> {
  await stage.rest()
  await stage.schedules.create(IT, { schedule: QUIET })
  await ready(stage)
  await stage.rest()
}

/** Creates the schedule as soon as the name is free. */
async function makeAgain(stage: Stage): Promise<void> {
  const { schedules } = stage
  await until(
    'the end of the first',
    async () => ((await schedules.find(RESOURCES.schedules, IT)) === undefined ? true : undefined),
    COLLECTED,
  )
  await schedules.create(IT, { schedule: QUIET })
  await ready(stage)
  await stage.rest()
}

async function change(stage: Stage, path: string, value: unknown): Promise<void> {
  await stage.schedules.patch(IT, [{ op: 'add', path, value }])
  await ready(stage)
}

async function ready({ schedules }: Stage): Promise<void> {
  const { generation } = (await schedules.read(IT)).metadata
  await schedules.status(
    IT,
    'Ready',
    (status) => status.observedGeneration === generation && is('Ready', 'True')(status),
    COLLECTED,
  )
}

async function ended({ schedules }: Stage, uid: string): Promise<void> {
  await schedules.status(IT, 'with the end of the run', ({ lastRun }) => lastRun?.jobUID === uid)
}

/** Creates a Job like the CronJob controller does, without waiting for a slot. */
async function jobOfSlot({ schedules, namespace }: Stage): Promise<{ job: string; uid: string }> {
  const { metadata, spec } = await schedules.cronJobOf(IT)
  const template = spec['jobTemplate'] as { metadata: object & { annotations: object }; spec: object }
  const now = new Date()
  const slot = `${now.toISOString().slice(0, 19)}Z`
  const { name, uid = '' } = metadata
  const job = `${name}-${Math.floor(now.getTime() / 60_000)}`
  const made = await schedules.client.create(RESOURCES.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...template.metadata,
      namespace,
      name: job,
      annotations: {
        ...template.metadata.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': slot,
      },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name, uid, controller: true }],
    },
    spec: template.spec,
  })
  return { job, uid: made.metadata.uid ?? '' }
}
