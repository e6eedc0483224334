import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { is } from '../cluster/schedules.ts'
import { until } from '../cluster/until.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { DATABASE, runToEnd } from './runs.ts'
import { useRelease } from './release.ts'

const CONTROLS = 1_007

describeWithCluster('runs in pods', () => {
  const release = useRelease('e2e-runs')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 3 })
  })

  it('run now: Findings, with every row in the database, and the same in the status', async () => {
    const { schedules, database } = release
    await schedules.create('now', { database: DATABASE })
    const { lastRun, uid } = await runToEnd(release, 'now')
    expect(lastRun).toMatchObject({
      verdict: 'Findings',
      trigger: 'Manual',
      jobUID: uid,
      counts: { systems: 3, results: 3 * CONTROLS },
    })
    await expectExactlyOnce(database.client, uid, 3 * CONTROLS)
    const { rows } = await database.client.query(
      `SELECT id::text, verdict FROM job_runs WHERE run_key = $1`,
      [uid],
    )
    expect(rows).toEqual([{ id: lastRun.runId, verdict: 'Findings' }])
    const status = await schedules.status('now', 'findings', is('Compliant', 'False', 'ControlsNotPassed'))
    expect(is('RunSucceeded', 'True')(status)).toBe(true)
    await until('the event', async () =>
      (await schedules.eventsOf('now')).includes('RunFoundFailures') ? true : undefined,
    )
  })
})
