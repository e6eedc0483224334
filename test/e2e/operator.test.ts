import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { is } from '../cluster/schedules.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { DATABASE, finished, holdRuns, inDatabase, PATIENCE, runToEnd } from './runs.ts'
import { useRelease } from './release.ts'
import type { Release } from './release.ts'

/** A control with all evidence that its rule needs, so that it passes. */
const PASSING = { controls: ['AU-2', 'AU-3'], evidence: ['audit-log'] }

async function operatorPods({ here }: Release): Promise<string[]> {
  const { items } = await here.admin.core.listNamespacedPod({
    namespace: here.name,
    labelSelector: 'app.kubernetes.io/component=operator',
  })
  return items
    .filter(({ metadata }) => !metadata?.deletionTimestamp)
    .map(({ metadata }) => metadata?.name ?? '')
}

async function leader(release: Release): Promise<string> {
  const { name } = release.here
  const holder = await release.kubectl(
    'get',
    'lease',
    `${name}-rapidrmf-operator`,
    '--output=jsonpath={.spec.holderIdentity}',
  )
  return holder.replace(/_[^_]*$/, '')
}

describeWithCluster('an installation in a namespace with Pod Security "restricted"', () => {
  const release = useRelease('e2e-restricted', {
    labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    database: 'empty',
    values: {
      database: { existingSecret: 'rapidrmf-db', migrate: true },
      sample: { create: true, spec: { schedule: '0 3 * * 1' } },
    },
  })

  it('creates tables, configuration and a first schedule, whose run works', async () => {
    const { schedules, database } = release
    // The chart's migration has created the tables.
    await seedWorld(database.client, { systems: 2, ...PASSING })
    await schedules.status('nightly', 'ready', is('Ready', 'True'))
    const { lastRun, uid } = await runToEnd(release, 'nightly')
    expect(lastRun).toMatchObject({ verdict: 'Passed', reason: 'AllControlsPassed' })
    await expectExactlyOnce(database.client, uid, 4)
    const { status } = await schedules.read('nightly')
    expect(is('Compliant', 'True', 'AllControlsPassed')(status ?? {})).toBe(true)
  })
})

describeWithCluster('an operator that is replaced', () => {
  const release = useRelease('e2e-operator', { values: { replicas: 2 } })
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 2, ...PASSING })
  })

  it('hands the lead to the other pod when its own is deleted or killed', async () => {
    const { here, schedules } = release
    await schedules.create('led', { database: DATABASE })
    for (const [token, gracePeriodSeconds] of [
      ['deleted', 30],
      ['killed', 0],
    ] as const) {
      const first = await leader(release)
      expect(await operatorPods(release)).toContain(first)
      await here.admin.core.deleteNamespacedPod({ namespace: here.name, name: first, gracePeriodSeconds })
      await until(
        'another leader',
        async () => ((await leader(release)) === first ? undefined : true),
        PATIENCE,
      )
      await schedules.request('led', token)
      const done = await schedules.status(
        'led',
        'at its end',
        ({ active = [], recentRuns = [] }) =>
          active.length === 0 && recentRuns.length === (token === 'deleted' ? 1 : 2),
        PATIENCE,
      )
      expect(done.lastRun).toMatchObject({ verdict: 'Passed' })
    }
  })

  it('by an upgrade during a run reports the end of the run', async () => {
    const { schedules, database } = release
    await schedules.create('upgraded', { database: DATABASE })
    const letGo = await holdRuns(database)
    const { uid } = await schedules.runNow('upgraded', 'first')
    await inDatabase(database, uid)
    const before = await operatorPods(release)
    await release.upgrade({ podAnnotations: { 'example.org/version': 'next' } })
    await until(
      'new operators alone',
      async () => {
        const pods = await operatorPods(release)
        return pods.some((pod) => before.includes(pod)) ? undefined : true
      },
      PATIENCE,
    )
    await letGo()
    expect(await finished(release, 'upgraded', uid)).toMatchObject({ verdict: 'Passed' })
    await expectExactlyOnce(database.client, uid, 4)
  })

  it('by a new installation after an uninstallation during a run reports the end of the run', async () => {
    const { here, schedules, database } = release
    await schedules.create('orphaned', { database: DATABASE })
    const letGo = await holdRuns(database)
    const { uid, job } = await schedules.runNow('orphaned', 'first')
    await inDatabase(database, uid)
    await release.uninstall()
    expect(await operatorPods(release)).toEqual([])
    await letGo()
    await until(
      'the Job to be complete',
      async () => {
        const { status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
        return status?.succeeded === 1 ? true : undefined
      },
      PATIENCE,
    )
    await expectExactlyOnce(database.client, uid, 4)
    const kept = await here.admin.core.readNamespacedConfigMap({ namespace: here.name, name: 'rapidrmf' })
    expect(kept.data).toHaveProperty(['config.yaml'])
    await schedules.cronJobOf('orphaned')
    await release.upgrade()
    expect(await finished(release, 'orphaned', uid)).toMatchObject({ verdict: 'Passed' })
  })
})
