import { afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { expectExactlyOnce, runSessions } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { attemptsOf, CONTROLS, DATABASE, finished, holdRuns, inDatabase, PATIENCE } from './runs.ts'
import { useRelease } from './release.ts'

const SYSTEMS = 150
const WORKERS = 2

// This file runs alone, because pods have no other node: see vitest.e2e.config.ts.
describeWithCluster('a node that is drained', () => {
  const release = useRelease('e2e-drain')
  let letGo: (() => Promise<void>) | undefined
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: SYSTEMS })
  })
  afterEach(async () => {
    await letGo?.()
    await release.kubectl('uncordon', 'node1')
  })

  it.each([
    ['at work', false],
    ['waiting for a lock of the database', true],
  ])('during runs that are %s lets them continue afterwards', async (_, locked) => {
    const { here, schedules, database } = release
    const name = locked ? 'locked' : 'at-work'
    const pod = { resources: { limits: { cpu: '150m' } } }
    await schedules.create(name, { database: DATABASE, job: { backoffLimit: 0, pod } })
    await schedules.create(`${name}-shared`, {
      database: DATABASE,
      job: { backoffLimit: 0, parallelism: WORKERS, pod },
    })
    const runs = [
      { ...(await schedules.runNow(name, 'first')), name, workers: 1 },
      { ...(await schedules.runNow(`${name}-shared`, 'first')), name: `${name}-shared`, workers: WORKERS },
    ]
    for (const { uid, workers } of runs) {
      await inDatabase(database, uid, 'results')
      await until(
        'all of its workers',
        async () => ((await attemptsOf(database, uid)).length === workers ? true : undefined),
        PATIENCE,
      )
    }
    if (locked) letGo = await holdRuns(database)

    // kubectl cordons the node, requests the eviction of each pod, and waits for their end.
    const from = Date.now()
    await release.kubectl('drain', 'node1', '--delete-emptydir-data', '--timeout=90s')
    process.stdout.write(`drained, ${name}: ${((Date.now() - from) / 1000).toFixed(1)} s\n`)
    for (const { uid, workers } of runs) {
      expect(await attemptsOf(database, uid)).toEqual(Array.from({ length: workers }, () => 'interrupted'))
    }
    expect(await runSessions(database.client)).toBe(0)
    await letGo?.()
    await release.kubectl('uncordon', 'node1')

    for (const { uid, job, name: schedule, workers } of runs) {
      expect(await finished(release, schedule, uid)).toMatchObject({
        verdict: 'Findings',
        counts: { systems: SYSTEMS },
      })
      await expectExactlyOnce(database.client, uid, SYSTEMS * CONTROLS)
      const { status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
      expect(status).toMatchObject({ succeeded: workers })
      expect(status?.failed ?? 0).toBe(0)
      const outcomes = await attemptsOf(database, uid)
      expect(outcomes.slice(workers)).toEqual(Array.from({ length: workers }, () => 'success'))
    }
  })
})
