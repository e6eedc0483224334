import { beforeAll, expect, it } from 'vitest'
import { nistIndex } from '../../job-image/oscal/nist-index.ts'
import { describeWithCluster } from '../cluster/namespace.ts'
import { is } from '../cluster/schedules.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { runCli } from '../support/cli.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import {
  attemptsOf,
  CONTROLS,
  DATABASE,
  finished,
  holdRuns,
  inDatabase,
  PATIENCE,
  podsOf,
  runToEnd,
  summariesOf,
} from './runs.ts'
import { useRelease } from './release.ts'

const SYSTEMS = 4
const FAMILY = nistIndex().controls.filter(({ family, withdrawn }) => family === 'AU' && !withdrawn).length

describeWithCluster('a run with a selection', () => {
  const release = useRelease('e2e-selection')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: SYSTEMS })
  })

  it('of one family and two systems stores only their results, and the status shows the selection', async () => {
    const { schedules, database } = release
    await schedules.create('part', {
      database: DATABASE,
      selection: {
        systems: { include: ['production-system-1', '*-3'] },
        controls: { families: ['AU'] },
      },
    })
    const { lastRun, uid } = await runToEnd(release, 'part')
    expect(lastRun).toMatchObject({
      verdict: 'Findings',
      counts: { systems: 2, controls: FAMILY, results: 2 * FAMILY },
      scope: { digest: expect.stringMatching(/^[0-9a-f]{64}$/), text: expect.stringMatching(/AU/) },
    })
    await expectExactlyOnce(database.client, uid, 2 * FAMILY)
    const { rows } = await database.client.query(
      `SELECT DISTINCT s.name, c.family FROM validation_results v JOIN job_runs r ON r.id = v.job_run_id
         JOIN systems s ON s.id = v.system_id JOIN controls c ON c.id = v.control_id
        WHERE r.run_key = $1 ORDER BY name`,
      [uid],
    )
    expect(rows).toEqual(
      ['production-system-1', 'production-system-3'].map((name) => ({ name, family: 'AU' })),
    )
    const { recentRuns, conditions } = (await schedules.read('part')).status ?? {}
    expect(recentRuns).toMatchObject([{ scope: lastRun.scope?.digest.slice(0, 12) }])
    const compliant = conditions?.find(({ type }) => type === 'Compliant')
    expect(compliant?.message).toContain(lastRun.scope?.text)
  })

  it.each([
    ['systems', { systems: { include: ['absent-*'] } }],
    ['controls', { controls: { include: ['ZZ-*'] } }],
  ])('without a matching %s is Errored, with exit code 2 and without a retry', async (what, selection) => {
    const name = `no-${what}`
    await release.schedules.create(name, { database: DATABASE, selection })
    const { lastRun, job } = await runToEnd(release, name)
    expect(lastRun).toMatchObject({ verdict: 'Errored', reason: 'InvalidInput' })
    expect(lastRun.message).toContain(`selection.${what} matches none of`)
    const pods = await podsOf(release, job)
    expect(pods.map(({ status }) => status?.containerStatuses?.[0]?.state?.terminated?.exitCode)).toEqual([2])
    const { status } = await release.schedules.read(name)
    expect(is('Compliant', 'Unknown', 'RunErrored')(status ?? {})).toBe(true)
  })
})

type Line = Readonly<Record<string, unknown>>

describeWithCluster('incremental runs', () => {
  const release = useRelease('e2e-carry')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: SYSTEMS })
  })
  const storedBy = async (uid: string): Promise<string[]> => {
    const { rows } = await release.database.client.query<{ name: string }>(
      `SELECT DISTINCT s.name FROM validation_results v JOIN job_runs r ON r.id = v.job_run_id
         JOIN systems s ON s.id = v.system_id WHERE r.run_key = $1`,
      [uid],
    )
    return rows.map(({ name }) => name)
  }
  const show = async (runId: unknown): Promise<string> => {
    const env = { DATABASE_URL: release.database.url }
    const shown = await runCli(['runs', 'show', String(runId)], { env })
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    return shown.stdout
  }

  it('the second run reuses all results, and after a change of evidence only that system is evaluated', async () => {
    const { schedules, database } = release
    await schedules.create('carried', { database: DATABASE, incremental: true })
    const first = await runToEnd(release, 'carried', 'first')
    await expectExactlyOnce(database.client, first.uid, SYSTEMS * CONTROLS)

    const second = await runToEnd(release, 'carried', 'second')
    expect(second.lastRun.counts).toEqual(first.lastRun.counts)
    expect(await summariesOf(release, second.job)).toMatchObject([{ carried: SYSTEMS, verdict: 'Findings' }])
    expect(await show(second.lastRun.runId)).toMatch(
      new RegExp(`Unchanged +${SYSTEMS} systems, as in run ${first.lastRun.runId}\\n`),
    )
    expect(await storedBy(second.uid)).toEqual([])

    await database.client.query(
      `UPDATE evidence SET sha256 = repeat('0', 64)
        WHERE evidence_type = 'iam-policy' AND system_id = (SELECT id FROM systems WHERE name = 'production-system-2')`,
    )
    const third = await runToEnd(release, 'carried', 'third')
    expect(third.lastRun.counts).toEqual(first.lastRun.counts)
    expect(await summariesOf(release, third.job)).toMatchObject([{ carried: SYSTEMS - 1 }])
    expect(await show(third.lastRun.runId)).toMatch(/Unchanged +3 systems/)
    expect(await storedBy(third.uid)).toEqual(['production-system-2'])
  })

  it('the log of a pod is JSON, with a line at the start and one at the end with the counts', async () => {
    await release.schedules.create('logged', { database: DATABASE })
    const { lastRun, uid, job } = await runToEnd(release, 'logged')
    const text = await release.kubectl('logs', `job/${job}`)
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    expect(lines.map(({ msg }) => msg)).toEqual(['run started', lastRun.message])
    const run = {
      level: 'info',
      run_key: uid,
      run_id: Number(lastRun.runId),
      schedule: 'logged',
      environment: 'production',
      worker: expect.stringContaining(job),
    }
    expect(lines[0]).toMatchObject({ ...run, systems: SYSTEMS, pending: SYSTEMS, controls: CONTROLS })
    expect(lines[1]).toMatchObject({ ...run, status: 'success', verdict: 'Findings', counts: lastRun.counts })
  })
})

const WORKERS = 3
/** Enough systems for a worker to be deleted before the others have done its share. */
const MANY = 150

describeWithCluster('several workers', () => {
  const release = useRelease('e2e-workers')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: MANY })
  })

  it('an Indexed Job of three makes one run with each result once, and one summary and verdict', async () => {
    const { here, schedules, database } = release
    await schedules.create('shared', { database: DATABASE, job: { parallelism: WORKERS } })
    // Waits until all workers take part: one that starts after the end has no work.
    const letGo = await holdRuns(database)
    const { uid, job } = await schedules.runNow('shared', 'first')
    await until(
      'all workers',
      async () => ((await attemptsOf(database, uid)).length === WORKERS ? true : undefined),
      PATIENCE,
    )
    await letGo()
    const lastRun = await finished(release, 'shared', uid)
    expect(lastRun).toMatchObject({ verdict: 'Findings', counts: { systems: MANY } })
    await expectExactlyOnce(database.client, uid, MANY * CONTROLS)
    const { spec, status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
    expect(spec).toMatchObject({ completionMode: 'Indexed', completions: WORKERS, parallelism: WORKERS })
    expect(status).toMatchObject({ succeeded: WORKERS })
    expect(status?.failed ?? 0).toBe(0)
    const summaries = await summariesOf(release, job)
    expect(summaries).toHaveLength(WORKERS)
    expect(summaries[0]).toMatchObject({ runKey: uid, final: true, counts: lastRun.counts })
    for (const summary of summaries) expect(summary).toEqual(summaries[0])
    expect(await attemptsOf(database, uid)).toEqual(['success', 'success', 'success'])
    expect((await schedules.read('shared')).status?.recentRuns).toHaveLength(1)
  })

  it('the deletion of one worker does not stop the run, and duplicates no row', async () => {
    const { here, schedules, database } = release
    await schedules.create('bereft', {
      database: DATABASE,
      job: { parallelism: WORKERS, pod: { resources: { limits: { cpu: '150m' } } } },
    })
    const { uid, job } = await schedules.runNow('bereft', 'first')
    await inDatabase(database, uid, 'results')
    // Chooses a working pod. The host name in an Indexed Job is the pod's name without its random suffix.
    const victim = await until('a worker', async () => {
      const { rows } = await database.client.query<{ host: string }>(
        `SELECT a.host FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
          WHERE r.run_key = $1 AND a.ended_at IS NULL LIMIT 1`,
        [uid],
      )
      const names = (await podsOf(release, job)).map(({ metadata }) => metadata?.name ?? '')
      return rows[0] && names.find((name) => name.startsWith(`${rows[0]?.host}-`))
    })
    await here.admin.core.deleteNamespacedPod({ namespace: here.name, name: victim })
    expect(await finished(release, 'bereft', uid)).toMatchObject({
      verdict: 'Findings',
      counts: { systems: MANY },
    })
    await expectExactlyOnce(database.client, uid, MANY * CONTROLS)
    const { status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
    expect(status).toMatchObject({ succeeded: WORKERS })
    // The replacement pod found the run at its end, or took part in it.
    const outcomes = await attemptsOf(database, uid)
    const others = outcomes.filter((outcome) => outcome !== 'interrupted')
    expect(outcomes.length - others.length).toBe(1)
    expect(others.length).toBeGreaterThanOrEqual(WORKERS - 1)
    expect(others.every((outcome) => outcome === 'success')).toBe(true)
    const pods = (await podsOf(release, job)).map(({ metadata }) => metadata?.name)
    expect(pods).toHaveLength(WORKERS)
    expect(pods).not.toContain(victim)
  })
})
