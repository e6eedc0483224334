// Changes of schedules around a crash of the API server: every schedule gets the CronJob that it asks for.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { projectSchedule } from '../../../operator/cache/projections.ts'
import { cronJob as desiredCronJob } from '../../../operator/plan/cron-job/cron-job.ts'
import { childName } from '../../../operator/values/names.ts'
import { campaignSeed, isLong, withSeed } from '../campaign/seed.ts'
import { QUIET } from '../campaign/quiet-schedule.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { hurried } from '../hurried-clock.ts'
import { describeWithCluster } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { IMAGE, startOperator } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { CronJob, Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const CRASHES = isLong ? 4 : 1
const NAMES = ['alpha', 'beta', 'gamma', 'delta'] as const
const LONG = { timeoutMs: 90_000 }

const ACTIONS = [
  'nothing',
  'another environment',
  'recreated',
  'recreated without its CronJob',
  'CronJob zeroed',
  'CronJob deleted',
  'CronJob orphaned',
] as const
type Action = (typeof ACTIONS)[number]

/** The changes of each schedule just before the crash, and just after the restart of the API server. */
type Round = Readonly<Record<string, { readonly before: Action; readonly after: Action }>>
const anyRound: fc.Arbitrary<Round> = fc.record(
  Object.fromEntries(
    NAMES.map((name) => [
      name,
      fc.record({ before: fc.constantFrom(...ACTIONS), after: fc.constantFrom(...ACTIONS) }),
    ]),
  ),
)

describeWithCluster('around a crash of the API server', () => {
  const seed = campaignSeed('outage campaign')
  let cluster: Cluster
  let here: TestNamespace
  let schedules: Schedules
  let stop: () => Promise<void>
  let environments = 0

  beforeAll(async () => {
    cluster = await startCluster({ prepare: (kubeconfig) => installCrd(connect(kubeconfig)) })
    const admin = connect(cluster.kubeconfig())
    const name = await cluster.createNamespace('outage-campaign')
    here = { name, cluster: cluster.access, admin, kubelet: playKubelet(admin, name) }
    schedules = schedulesIn(here)
    stop = startOperator({ cluster: cluster.access, namespace: name, clock: hurried })
    for (const schedule of NAMES) await schedules.create(schedule, { schedule: QUIET })
    for (const schedule of NAMES) await schedules.status(schedule, 'Ready', is('Ready', 'True'), LONG)
  }, 120_000)
  afterAll(async () => {
    await stop()
    await cluster.stop()
  })

  const makeAgain = async (name: string, propagation: 'Background' | 'Orphan'): Promise<void> => {
    await schedules.remove(name, propagation)
    await until(
      'the end of the first',
      async () => ((await schedules.find(RESOURCES.schedules, name)) === undefined ? true : undefined),
      LONG,
    )
    await schedules.create(name, { schedule: QUIET, environment: `made-again-${(environments += 1)}` })
  }

  const act = async (name: string, action: Action): Promise<void> => {
    const edit = (...operations: Parameters<Schedules['patchCronJob']>[1]) =>
      schedules.patchCronJob(name, operations).catch(ignoreMissing)
    switch (action) {
      case 'nothing':
        return
      case 'another environment': {
        const value = `changed-${(environments += 1)}`
        return schedules.patch(name, [{ op: 'replace', path: '/spec/environment', value }])
      }
      case 'recreated':
        return makeAgain(name, 'Background')
      case 'recreated without its CronJob':
        return makeAgain(name, 'Orphan')
      case 'CronJob zeroed':
        return edit({ op: 'add', path: '/spec/jobTemplate/spec/parallelism', value: 0 })
      case 'CronJob deleted': {
        const at = { namespace: here.name, name: childName(name) }
        return schedules.client.remove(RESOURCES.cronJobs, at).catch(ignoreMissing)
      }
      case 'CronJob orphaned':
        return edit(
          { op: 'add', path: '/metadata/annotations', value: {} },
          { op: 'add', path: '/metadata/ownerReferences', value: [] },
        )
    }
  }

  const isAsAskedFor = async (name: string): Promise<void> => {
    const { generation } = (await schedules.read(name)).metadata
    await schedules.status(
      name,
      'Ready',
      (status) => status.observedGeneration === generation && is('Ready', 'True')(status),
      LONG,
    )
    await until(
      `${name}: the CronJob that is asked for`,
      async () => {
        const schedule = await schedules.read(name)
        const found = await schedules.find<CronJob>(RESOURCES.cronJobs, childName(name))
        if (found === undefined) return undefined
        const { metadata, spec } = found
        const wanted = desiredCronJob(projectSchedule(schedule), { image: IMAGE })
        const isOwned = metadata.ownerReferences?.some(({ uid }) => uid === schedule.metadata.uid)
        return isOwned === true && holds(spec, wanted['spec']) ? true : undefined
      },
      LONG,
    )
  }

  it(
    'each schedule gets its own CronJob, and then the operator writes nothing',
    async () => {
      for (const [index, round] of fc.sample(anyRound, { seed, numRuns: CRASHES }).entries()) {
        await withSeed(`crash ${index}: ${JSON.stringify(round)}`, seed, async () => {
          for (const name of NAMES) await act(name, round[name]?.before ?? 'nothing')
          await cluster.restartApiServer()
          for (const name of NAMES) await act(name, round[name]?.after ?? 'nothing')
          for (const name of NAMES) await isAsAskedFor(name)
          const { items } = await schedules.client.list(RESOURCES.cronJobs, { namespace: here.name })
          expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(NAMES.map(childName).sort())
        })
      }
      await stop()
      const since = cluster.auditPosition()
      stop = startOperator({ cluster: cluster.access, namespace: here.name, clock: hurried })
      await schedules.create('last', { schedule: QUIET })
      await schedules.status('last', 'Ready', is('Ready', 'True'), LONG)
      expect(await schedules.writes(since)).toEqual([
        `create cronjobs ${childName('last')}`,
        'update validationschedules status last',
      ])
    },
    isLong ? 900_000 : 240_000,
  )
})

/** True if the actual object contains the wanted fields; the API server adds defaults. */
function holds(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return found === wanted
  if (typeof found !== 'object' || found === null) return Object.keys(wanted).length === 0
  return Object.entries(wanted).every(([key, value]) => {
    const there = (found as Record<string, unknown>)[key]
    return there === undefined ? isNothing(value) : holds(there, value)
  })
}

/** True for values that the API server omits. */
function isNothing(value: unknown): boolean {
  return (
    value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0)
  )
}

function ignoreMissing(error: unknown): void {
  if (!/not found|timed out/.test(String(error))) throw error
}
