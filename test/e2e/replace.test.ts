import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { CONTROLS, DATABASE, finished, holdRuns, inDatabase } from './runs.ts'
import { useRelease } from './release.ts'

describeWithCluster('a run that is replaced', () => {
  const release = useRelease('e2e-replace')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 2 })
  })

  it('is stopped at the next slot, which gets its own run', async () => {
    const { schedules, database } = release
    const letGo = await holdRuns(database)
    await schedules.create('replaced', {
      database: DATABASE,
      schedule: '* * * * *',
      concurrencyPolicy: 'Replace',
    })
    const { active: [first] = [] } = await schedules.status(
      'replaced',
      'with a run',
      ({ active = [] }) => active.length > 0,
      { timeoutMs: 120_000 },
    )
    await inDatabase(database, first?.jobUID ?? '')
    const replaced = await finished(release, 'replaced', first?.jobUID ?? '')
    expect(replaced).toMatchObject({ verdict: 'Errored', reason: 'JobDeleted' })
    const { active: [second] = [] } = await schedules.status(
      'replaced',
      'with the next run',
      ({ active = [] }) => active.length > 0 && active[0]?.jobUID !== first?.jobUID,
      { timeoutMs: 120_000 },
    )
    await letGo()
    await schedules.patch('replaced', [{ op: 'replace', path: '/spec/suspend', value: true }])
    expect(await finished(release, 'replaced', second?.jobUID ?? '')).toMatchObject({ verdict: 'Findings' })
    await expectExactlyOnce(database.client, second?.jobUID ?? '', 2 * CONTROLS)
    const { rows } = await database.client.query('SELECT status FROM job_runs WHERE run_key = $1', [
      first?.jobUID,
    ])
    expect(rows).toEqual([{ status: 'failed' }])
  })
})
