import { beforeEach, describe, expect, it } from 'vitest'
import {
  addAttributes,
  closeDecidedRun,
  findJobRunByKey,
  findScheduleRun,
  finishJobRun,
  getJobRun,
  getRecentJobRuns,
  lockJobRun,
  lockJobRunByKey,
  markPlanned,
  metricOf,
  metricsOf,
  previousComparable,
  reopenJobRun,
  rereadJobRun,
  startJobRun,
} from '../../../../job-image/db/runs/job-runs.ts'
import type { JobRun, NewJobRun, RunFilter } from '../../../../job-image/db/runs/job-runs.ts'
import { connect, disconnect, inTransaction } from '../../../../job-image/db/session/client.ts'
import { DroppedRows } from '../../../../job-image/db/session/dropped-rows.ts'
import { createDatabase } from '../../../support/database.ts'
import { jobRun } from '../../../support/job-run.ts'

const { client, url } = await createDatabase()
beforeEach(() => client.query('TRUNCATE job_runs RESTART IDENTITY CASCADE'))

const start = (changes: Partial<NewJobRun> = {}): Promise<JobRun> =>
  startJobRun(client, { jobType: 'validation', environment: 'production', attributes: {}, ...changes })
const end = { status: 'success', verdict: 'Passed', metrics: { pass: 1 } } as const
const FAILURE = { status: 'failed', verdict: 'Errored', metrics: {}, error: 'disk full' } as const
const PLAN = {
  metrics: { systems: 2 },
  attributes: { digests: 'd' },
  controlScope: 'c',
  planDigest: Buffer.alloc(32),
}

describe('a run is inserted', () => {
  it('as running, with the time of the database as start and reference time', async () => {
    const slotAt = '2026-11-24T02:00:00+01:00'
    const run = await start({
      runKey: 'k',
      scheduleUid: 'u',
      schedule: 'nightly',
      slotAt,
      attributes: { a: 1 },
    })
    expect(run).toMatchObject({
      id: 1,
      job_type: 'validation',
      environment: 'production',
      status: 'running',
      finished_at: null,
      error: null,
      metrics: {},
      attributes: { a: 1 },
      run_key: 'k',
      schedule_uid: 'u',
      schedule: 'nightly',
      slot_at: '2026-11-24 01:00:00',
      verdict: null,
      planned_at: null,
      reference_time: run.started_at,
    })
    const { rows } = await client.query(
      `SELECT started_at BETWEEN (clock_timestamp() AT TIME ZONE 'UTC') - interval '1 min'
                             AND (clock_timestamp() AT TIME ZONE 'UTC') AS now FROM job_runs`,
    )
    expect(rows).toEqual([{ now: true }])
  })

  it('without a key and a schedule, where it has none', async () => {
    expect(await start()).toMatchObject({ run_key: null, schedule_uid: null, schedule: null, slot_at: null })
  })
})

describe('a run is closed', () => {
  it('with its end, once', async () => {
    const run = await start({ runKey: 'k' })
    const closed = await finishJobRun(client, run, FAILURE)
    expect(closed).toMatchObject({ status: 'failed', verdict: 'Errored', error: 'disk full', metrics: {} })
    expect(closed?.finished_at).not.toBeNull()
    expect(await finishJobRun(client, run, end)).toBeUndefined()
    expect(await getJobRun(client, run.id)).toEqual(closed)
  })

  it('as decided only when it is planned and has no pending system', async () => {
    await client.query(`INSERT INTO systems (id, name, environment, created_at, attributes)
                        VALUES (1, 'a', 'production', '2026-01-01', '{}') ON CONFLICT DO NOTHING`)
    const run = await start({ runKey: 'k' })
    expect(await closeDecidedRun(client, run, end)).toBeUndefined()
    await markPlanned(client, run, PLAN)
    await client.query(`INSERT INTO run_queue (job_run_id, system_id) VALUES (1, 1)`)
    expect(await closeDecidedRun(client, run, end)).toBeUndefined()
    await client.query('DELETE FROM run_queue')
    expect(await closeDecidedRun(client, run, end)).toMatchObject({
      status: 'success',
      verdict: 'Passed',
      metrics: { pass: 1 },
      error: null,
    })
  })

  it('and reopened if it has failed, with its start and its plan', async () => {
    const run = await start({ runKey: 'k' })
    await markPlanned(client, run, PLAN)
    await expect(reopenJobRun(client, run)).rejects.toThrow(DroppedRows)
    await finishJobRun(client, run, FAILURE)
    const before = await rereadJobRun(client, run)
    await reopenJobRun(client, run)
    expect(await rereadJobRun(client, run)).toEqual({
      ...before,
      status: 'running',
      verdict: null,
      error: null,
      finished_at: null,
    })
    await finishJobRun(client, run, end)
    await expect(reopenJobRun(client, run)).rejects.toThrow(/does not hold run 1 as running again/)
  })
})

describe('the plan of a run', () => {
  it('is stored with its metrics, its scope and its attributes, beside those of others', async () => {
    const run = await start({ runKey: 'k', attributes: { theirs: [1], digests: 'old' } })
    await markPlanned(client, run, PLAN)
    const row = await rereadJobRun(client, run)
    expect(row).toMatchObject({ metrics: { systems: 2 }, attributes: { theirs: [1], digests: 'd' } })
    expect(row?.planned_at).not.toBeNull()
    const { rows } = await client.query('SELECT control_scope FROM job_runs')
    expect(rows).toEqual([{ control_scope: 'c' }])
  })

  it('of a run that is lost is an error', async () => {
    const run = await start({ runKey: 'k' })
    await client.query('DELETE FROM job_runs')
    await expect(markPlanned(client, run, PLAN)).rejects.toThrow(/the plan of run 1/)
  })
})

it('attributes are added to the runs that do not have them, and no other row is updated', async () => {
  await start({ attributes: { a: 1 } })
  await start({ attributes: { a: 1, b: { c: 2 } } })
  await start({ attributes: { b: 'other' } })
  const before = await client.query<{ xmin: string }>('SELECT xmin::text FROM job_runs ORDER BY id')
  await addAttributes(client, [1, 2], { b: { c: 2 } })
  const after = await client.query<{ xmin: string; attributes: unknown }>(
    'SELECT xmin::text, attributes FROM job_runs ORDER BY id',
  )
  expect(after.rows.map(({ attributes }) => attributes)).toEqual([
    { a: 1, b: { c: 2 } },
    { a: 1, b: { c: 2 } },
    { b: 'other' },
  ])
  expect(after.rows.map(({ xmin }, index) => xmin === before.rows[index]?.xmin)).toEqual([false, true, true])
})

describe('a run is found', () => {
  it('by its id, its key and its reference', async () => {
    const run = await start({ runKey: 'k' })
    expect(await getJobRun(client, 1)).toEqual(run)
    expect(await getJobRun(client, 2)).toBeUndefined()
    expect(await findJobRunByKey(client, 'k')).toEqual(run)
    expect(await findJobRunByKey(client, 'K')).toBeUndefined()
    expect(await rereadJobRun(client, { ...run, run_key: 'other' })).toBeUndefined()
    expect(await rereadJobRun(client, { ...run, reference_time: '2026-01-01 00:00:00' })).toBeUndefined()
  })

  it.each([
    ['by its reference', (run: JobRun) => lockJobRun(client, run)],
    ['by its key', () => lockJobRunByKey(client, 'k')],
  ])('and locked %s, so that no other session closes it', async (_, lock) => {
    const run = await start({ runKey: 'k' })
    const peer = await connect({ url })
    await peer.query(`SET lock_timeout TO '50ms'`)
    await inTransaction(client, async () => {
      expect(await lock(run)).toEqual(run)
      await expect(finishJobRun(peer, run, end)).rejects.toThrow(/lock timeout/)
    })
    expect(await finishJobRun(peer, run, end)).toMatchObject({ status: 'success' })
    await disconnect(peer)
  })

  it('by its schedule: the run of a slot, or the running one', async () => {
    const first = await start({ scheduleUid: 'u', slotAt: '2026-11-24T02:00:00Z' })
    await finishJobRun(client, first, end)
    const second = await start({ scheduleUid: 'u', slotAt: '2026-11-25T02:00:00Z' })
    await start({ scheduleUid: 'other' })
    expect(await findScheduleRun(client, 'u', 'running')).toEqual(second)
    expect(await findScheduleRun(client, 'u', { slotAt: '2026-11-24T03:00:00+01:00' })).toMatchObject({
      id: 1,
    })
    expect(await findScheduleRun(client, 'u', { slotAt: '2026-11-24T02:00:01Z' })).toBeUndefined()
  })
})

describe('recent runs', () => {
  const ids = async (filter?: RunFilter): Promise<number[]> =>
    (await getRecentJobRuns(client, filter)).map(({ id }) => id)

  it('come newest first, filtered before they are limited', async () => {
    await start()
    await start({ environment: 'staging' })
    await start({ jobType: 'import' })
    await finishJobRun(client, await start({ runKey: 'k' }), FAILURE)
    expect(await ids()).toEqual([4, 3, 2, 1])
    expect(await ids({ limit: 2 })).toEqual([4, 3])
    expect(await ids({ environment: 'staging', limit: 1 })).toEqual([2])
    expect(await ids({ jobType: 'import' })).toEqual([3])
    expect(await ids({ status: 'failed' })).toEqual([4])
  })

  it('are twenty by default, and the later id comes first of two at one time', async () => {
    for (let n = 0; n < 21; n += 1) await start()
    await client.query(`UPDATE job_runs SET started_at = '2026-01-01'`)
    expect(await ids()).toEqual(Array.from({ length: 20 }, (_, index) => 21 - index))
  })
})

describe('the previous comparable run', () => {
  async function ended(changes: Partial<NewJobRun> = {}, planned = true): Promise<JobRun> {
    const run = await start({ runKey: `k-${Math.random()}`, ...changes })
    if (planned)
      await markPlanned(client, run, {
        metrics: {},
        attributes: {},
        controlScope: null,
        planDigest: Buffer.alloc(32),
      })
    return (await finishJobRun(client, run, end))!
  }
  const previousId = async (run: JobRun): Promise<number | undefined> =>
    (await previousComparable(client, run))?.id

  it('is the newest one of its environment that ended before it', async () => {
    await ended()
    const before = await ended()
    await ended({ environment: 'staging' })
    await start({ runKey: 'running' })
    await ended({ runKey: null })
    const run = await ended()
    await ended()
    expect(await previousId(run)).toBe(before.id)
    expect(await previousId((await getJobRun(client, 1))!)).toBeUndefined()
  })

  it('has the same selection and, if both are planned, the same controls of its baseline', async () => {
    const scope = (text: string, digest: string) => ({ digests: { scope: text }, scope: { digest } })
    const same = await ended({ attributes: scope('a', '1') })
    await ended({ attributes: scope('b', '1') })
    await ended({ attributes: scope('a', '2') })
    await ended()
    expect(await previousId(await ended({ attributes: scope('a', '1') }))).toBe(same.id)
    const unplanned = await ended({ attributes: scope('a', '9') }, false)
    expect(await previousId(unplanned)).toBe(5)
  })

  it('is found beyond the first page', async () => {
    const same = await ended()
    for (let n = 0; n < 20; n += 1) await ended({ attributes: { digests: { scope: 'x' } } })
    expect(await previousId(await ended())).toBe(same.id)
  })
})

it('metrics are numbers, by the names of RapidRMF', () => {
  const run = jobRun({ metrics: { pass: 3, fail: '4' } })
  expect(['pass', 'fail', 'unknown'].map((key) => metricOf(run, key))).toEqual([3, 0, 0])
  const counts = { systems: 1, controls: 2, results: 3, pass: 4, notPass: 5, fail: 6 }
  expect(metricsOf({ ...counts, insufficientEvidence: 7, unknown: 8, errors: 9 })).toEqual({
    systems: 1,
    controls: 2,
    results_saved: 3,
    pass: 4,
    fail: 6,
    insufficient_evidence: 7,
    unknown: 8,
    errors: 9,
  })
})
