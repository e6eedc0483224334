import { beforeAll, expect, it } from 'vitest'
import { childName } from '../../operator/values/names.ts'
import { describeWithCluster } from '../cluster/namespace.ts'
import { is } from '../cluster/schedules.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import {
  CONTROLS,
  containerStart,
  DATABASE,
  finished,
  holdRuns,
  inDatabase,
  podsOf,
  runToEnd,
} from './runs.ts'
import { useRelease } from './release.ts'

const RESULTS = 3 * CONTROLS

describeWithCluster('runs in pods', () => {
  const release = useRelease('e2e-runs')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 3 })
  })

  it('a requested run has the verdict Findings, all rows in the database, and the same counts in the status', async () => {
    const { schedules, database } = release
    await schedules.create('now', { database: DATABASE })
    const { lastRun, uid } = await runToEnd(release, 'now')
    expect(lastRun).toMatchObject({
      verdict: 'Findings',
      trigger: 'Manual',
      jobUID: uid,
      counts: { systems: 3, results: RESULTS },
    })
    await expectExactlyOnce(database.client, uid, RESULTS)
    const { rows } = await database.client.query(
      'SELECT id::text AS "runId", verdict FROM job_runs WHERE run_key = $1',
      [uid],
    )
    expect(rows).toEqual([{ runId: lastRun.runId, verdict: 'Findings' }])
    const status = await schedules.status('now', 'findings', is('Compliant', 'False', 'ControlsNotPassed'))
    expect(is('RunSucceeded', 'True')(status)).toBe(true)
    await until('the event', async () =>
      (await schedules.eventsOf('now')).includes('RunFoundFailures') ? true : undefined,
    )
  })

  it('the row of a run exists soon after the start of its container', async () => {
    const { schedules, database } = release
    await schedules.create('quick', { database: DATABASE })
    const times: number[] = []
    for (const token of ['first', 'second', 'third']) {
      const { uid, job } = await schedules.runNow('quick', token)
      await inDatabase(database, uid)
      const visible = Date.now()
      await finished(release, 'quick', uid)
      const [pod] = await podsOf(release, job)
      times.push(visible - containerStart(pod!))
    }
    process.stdout.write(`container start → row visible: ${times.map(Math.round).join(', ')} ms\n`)
    // The limit allows for a loaded machine; alone it takes a tenth of the time.
    expect(Math.min(...times)).toBeLessThan(5_000)
  })

  it('a Job that kubectl creates from the CronJob is reported like any other', async () => {
    await release.schedules.create('by-hand', { database: DATABASE })
    await release.schedules.status('by-hand', 'ready', is('Ready', 'True'))
    await release.kubectl('create', 'job', 'made-by-hand', `--from=cronjob/${childName('by-hand')}`)
    const uid = await release.kubectl('get', 'job', 'made-by-hand', '--output=jsonpath={.metadata.uid}')
    expect(await finished(release, 'by-hand', uid)).toMatchObject({
      verdict: 'Findings',
      trigger: 'Manual',
      job: 'made-by-hand',
    })
    await expectExactlyOnce(release.database.client, uid, RESULTS)
  })

  it('a run can be requested while the schedule is suspended', async () => {
    await release.schedules.create('suspended', { database: DATABASE, suspend: true })
    const { lastRun } = await runToEnd(release, 'suspended')
    expect(lastRun).toMatchObject({ verdict: 'Findings', trigger: 'Manual' })
  })

  it('a run that is requested during another one starts after it', async () => {
    const { schedules, database } = release
    await schedules.create('busy', { database: DATABASE })
    const letGo = await holdRuns(database)
    const first = await schedules.runNow('busy', 'first')
    await inDatabase(database, first.uid)
    await schedules.request('busy', 'second')
    const { lastHandledRunRequest } = (await schedules.read('busy')).status ?? {}
    expect(lastHandledRunRequest).toBe('first')
    expect(await schedules.jobsOf('busy')).toHaveLength(1)
    await letGo()
    await finished(release, 'busy', first.uid)
    const { lastRun } = await schedules.status(
      'busy',
      'after the second run',
      ({ lastRun, recentRuns }) => recentRuns?.length === 2 && lastRun?.jobUID !== first.uid,
      { timeoutMs: 120_000 },
    )
    expect(lastRun).toMatchObject({ verdict: 'Findings', trigger: 'Manual' })
    const overlap = await database.client.query(
      `SELECT FROM job_runs a JOIN job_runs b ON a.run_key = $1 AND b.run_key = $2 WHERE b.started_at < a.finished_at`,
      [first.uid, lastRun?.jobUID],
    )
    expect(overlap.rows).toHaveLength(0)
  })

  it('a run of an environment without systems is Incomplete', async () => {
    await release.schedules.create('nothing', { database: DATABASE, environment: 'empty' })
    const { lastRun } = await runToEnd(release, 'nothing')
    expect(lastRun).toMatchObject({ verdict: 'Incomplete', reason: 'NoSystems' })
    const { status } = await release.schedules.read('nothing')
    expect(is('Compliant', 'False', 'RunIncomplete')(status ?? {})).toBe(true)
  })
})

describeWithCluster('runs in pods with a missing input', () => {
  const release = useRelease('e2e-input')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 1 })
  })

  it.each([
    ['an unknown environment', { environment: 'nowhere' }, /nowhere/],
    [
      'no ConfigMap',
      { config: { configMapKeyRef: { name: 'absent', key: 'config.yaml' } } },
      /ConfigMap "absent".*"config\.yaml"/,
    ],
    [
      'no such key in the ConfigMap',
      { config: { configMapKeyRef: { name: 'rapidrmf', key: 'other.yaml' } } },
      /ConfigMap "rapidrmf".*"other\.yaml"/,
    ],
    [
      'no such key in the Secret',
      { database: { urlSecretKeyRef: { name: 'rapidrmf-db', key: 'other' } } },
      /Secret "rapidrmf-db".*"other"/,
    ],
  ])('with %s have one pod, no retry, and an error that says what to do', async (what, spec, message) => {
    const name = what.replaceAll(' ', '-').toLowerCase()
    await release.schedules.create(name, { database: DATABASE, ...spec })
    const { lastRun, job } = await runToEnd(release, name)
    expect(lastRun).toMatchObject({ verdict: 'Errored', reason: 'InvalidInput' })
    expect(lastRun.message).toMatch(message)
    expect(await podsOf(release, job)).toHaveLength(1)
    const { status } = await release.schedules.read(name)
    expect(is('RunSucceeded', 'False', 'RunErrored')(status ?? {})).toBe(true)
    expect(is('Compliant', 'Unknown', 'RunErrored')(status ?? {})).toBe(true)
    expect((await release.database.client.query('SELECT FROM job_runs')).rows).toHaveLength(0)
  })

  it('without a database are retried and then Errored; after its return the next run passes', async () => {
    const { schedules, here, database } = release
    const secret = (url: string) => ({ metadata: { name: 'moving-db' }, stringData: { url } })
    // No program listens on port 1.
    const away = new URL(database.url)
    away.port = '1'
    await here.admin.core.createNamespacedSecret({ namespace: here.name, body: secret(away.href) })
    await schedules.create('away', {
      database: { urlSecretKeyRef: { name: 'moving-db', key: 'url' } },
      job: { backoffLimit: 1, pod: { env: [{ name: 'RAPIDRMF_OUTAGE', value: '1' }] } },
    })
    const { lastRun, job } = await runToEnd(release, 'away')
    expect(lastRun).toMatchObject({ verdict: 'Errored' })
    expect(lastRun.message).toMatch(/ECONNREFUSED|refused/)
    expect(lastRun.message).not.toContain(decodeURIComponent(away.password))
    const { status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
    expect(status?.failed).toBe(2)
    await here.admin.core.replaceNamespacedSecret({
      namespace: here.name,
      name: 'moving-db',
      body: secret(database.url),
    })
    const again = await runToEnd(release, 'away', 'again')
    expect(again.lastRun).toMatchObject({ verdict: 'Findings' })
    await expectExactlyOnce(database.client, again.uid, CONTROLS)
  })
})
