import { beforeEach, describe, expect, it } from 'vitest'
import {
  beginAttempt,
  endAttempt,
  evictSilentAttempts,
  findAbandonedRuns,
  findSilentRuns,
  hasLiveAttempt,
  listAttempts,
  recordHeartbeat,
  sessionName,
  silentSince,
} from '../../../../job-image/db/runs/attempts.ts'
import type { AttemptRef } from '../../../../job-image/db/runs/attempts.ts'
import { finishJobRun, startJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import type { JobRun, NewJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { createDatabase } from '../../../support/database.ts'

const { client, url } = await createDatabase()
/** ms */
const ABANDON_AFTER = 60_000
beforeEach(() => client.query('TRUNCATE job_runs RESTART IDENTITY CASCADE'))

const start = (changes: Partial<NewJobRun> = {}): Promise<JobRun> =>
  startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: {},
    runKey: `k-${Math.random()}`,
    ...changes,
  })

/** An attempt whose last heartbeat is so old; a negative age is in the future. */
async function attemptAt(run: JobRun, worker: string, age = '0'): Promise<AttemptRef> {
  const attempt = await beginAttempt(client, run, worker, 'host')
  await client.query(
    `UPDATE job_run_attempts SET heartbeat_at = heartbeat_at - $2::interval WHERE worker = $1`,
    [worker, age],
  )
  return { run, attempt, worker }
}

const outcomes = async ({ id }: JobRun): Promise<unknown[]> =>
  (await listAttempts(client, id)).map(({ outcome }) => outcome)

it('the sessions of an attempt are named by run, attempt and the last part of the worker', () => {
  const run = { id: 7, run_key: 'k', reference_time: null }
  expect(sessionName({ run, attempt: 2, worker: 'host/1/abc' })).toBe('rapidrmf run=7 attempt=2 abc')
  expect(sessionName({ run, attempt: 2, worker: 'abc' })).toBe('rapidrmf run=7 attempt=2 abc')
})

describe('an attempt', () => {
  it('has the next number, and is found again by its worker until it ends', async () => {
    const run = await start()
    const begin = (worker: string): Promise<number> => beginAttempt(client, run, worker, 'host')
    expect([await begin('a'), await begin('a'), await begin('b')]).toEqual([1, 1, 2])
    await endAttempt(client, { run, attempt: 1, worker: 'a' }, 'failed', 'first')
    expect(await begin('a')).toBe(3)
    const [first, second] = await listAttempts(client, run.id)
    expect(first).toMatchObject({ attempt: 1, worker: 'a', host: 'host', outcome: 'failed', error: 'first' })
    expect(first?.ended_at).not.toBeNull()
    expect(second).toMatchObject({ attempt: 2, worker: 'b', outcome: null, error: null, ended_at: null })
  })

  it('at a run that is lost is an error', async () => {
    const run = await start()
    await client.query('DELETE FROM job_runs')
    await expect(beginAttempt(client, run, 'a', 'host')).rejects.toThrow(/a row for this attempt at run 1/)
  })

  it('has a heartbeat until it ends', async () => {
    const run = await start()
    const attempt = await attemptAt(run, 'a', '1 h')
    expect(await hasLiveAttempt(client, run, ABANDON_AFTER)).toBe(false)
    expect(await recordHeartbeat(client, attempt, [])).toEqual([])
    expect(await hasLiveAttempt(client, run, ABANDON_AFTER)).toBe(true)
    await endAttempt(client, attempt, 'success', null)
    expect(await recordHeartbeat(client, attempt, [])).toBeUndefined()
    expect(await hasLiveAttempt(client, run, ABANDON_AFTER)).toBe(false)
  })

  it('learns by its heartbeat which of its waiting sessions have no process any more', async () => {
    const attempt = await attemptAt(await start(), 'a')
    const peer = await connect({ url })
    const { rows } = await peer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const { pid = 0 } = rows[0] ?? {}
    expect(await recordHeartbeat(client, attempt, [pid, 2_000_000])).toEqual([2_000_000])
    await disconnect(peer)
    await expect.poll(() => recordHeartbeat(client, attempt, [pid])).toEqual([pid])
  })

  it('keeps its first outcome', async () => {
    const run = await start()
    const attempt = await attemptAt(run, 'a')
    await endAttempt(client, attempt, 'interrupted', 'stopped')
    await endAttempt(client, attempt, 'success', null)
    expect(await outcomes(run)).toEqual(['interrupted'])
  })
})

describe('a heartbeat is too old', () => {
  it.each([
    ['30 s', true],
    ['90 s', false],
    ['-30 s', true],
    ['-90 s', false],
  ])('of %s ago: alive %s', async (age, alive) => {
    const run = await start()
    await attemptAt(run, 'a', age)
    expect(await hasLiveAttempt(client, run, ABANDON_AFTER)).toBe(alive)
    expect(await evictSilentAttempts(client, run, ABANDON_AFTER)).toBe(alive ? 0 : 1)
  })

  it('and its attempt is ended as abandoned, with the reason', async () => {
    const run = await start()
    await attemptAt(run, 'past', '1 h')
    await attemptAt(run, 'future', '-1 h')
    await attemptAt(run, 'alive')
    expect(await evictSilentAttempts(client, run, ABANDON_AFTER)).toBe(2)
    const attempts = await listAttempts(client, run.id)
    expect(attempts.map(({ error }) => error)).toEqual([
      `no heartbeat since ${attempts[0]?.heartbeat_at} UTC`,
      `its last heartbeat, ${attempts[1]?.heartbeat_at} UTC, is ahead of the clock of the database`,
      null,
    ])
    expect(await outcomes(run)).toEqual(['abandoned', 'abandoned', null])
  })

  it('and its sessions are terminated', async () => {
    const run = await start()
    const silent = await attemptAt(run, 'host/1/silent', '1 h')
    const alive = await attemptAt(run, 'host/1/alive')
    const frozen = await connect({ url, applicationName: sessionName(silent) })
    const working = await connect({ url, applicationName: sessionName(alive) })
    await evictSilentAttempts(client, run, ABANDON_AFTER)
    await expect(frozen.query('SELECT 1')).rejects.toThrow(/terminat|not queryable/)
    await working.query('SELECT 1')
    await Promise.all([frozen, working].map(disconnect))
  })
})

describe('runs are found', () => {
  const production = { environment: 'production', scheduleUid: null }
  const ids = (runs: readonly { readonly id: number }[]): number[] => runs.map(({ id }) => id)

  it('as silent if any attempt is, closed ones too', async () => {
    const closed = await start()
    await attemptAt(closed, 'a', '1 h')
    await finishJobRun(client, closed, { status: 'success', metrics: {} })
    const mixed = await start()
    await attemptAt(mixed, 'b', '1 h')
    await attemptAt(mixed, 'c')
    await attemptAt(await start(), 'd')
    expect(ids(await findSilentRuns(client, production, ABANDON_AFTER))).toEqual([1, 2])
  })

  it('as abandoned if they are running, have a key and no attempt is alive', async () => {
    await attemptAt(await start(), 'a', '1 h')
    await start()
    await attemptAt(await start(), 'b')
    await finishJobRun(client, await start(), { status: 'failed', metrics: {} })
    await start({ runKey: null })
    await start({ runKey: 'mine' })
    expect(ids(await findAbandonedRuns(client, production, 'mine', ABANDON_AFTER))).toEqual([1, 2])
    expect(ids(await findAbandonedRuns(client, production, null, ABANDON_AFTER))).toEqual([1, 2, 6])
  })

  it('by environment, by schedule, or everywhere', async () => {
    await start()
    await start({ environment: 'staging' })
    await start({ environment: 'staging', scheduleUid: 'u' })
    const found = async (environment: string | null, scheduleUid: string | null): Promise<number[]> =>
      ids(await findAbandonedRuns(client, { environment, scheduleUid }, null, ABANDON_AFTER))
    expect(await found('production', null)).toEqual([1])
    expect(await found('production', 'u')).toEqual([1, 3])
    expect(await found(null, null)).toEqual([1, 2, 3])
  })
})

it('a running run is silent since its last heartbeat, the end of its last attempt, or its start', async () => {
  const beating = await start()
  await attemptAt(beating, 'a', '1 h')
  await attemptAt(beating, 'b', '2 h')
  const never = await start()
  const alive = await start()
  await attemptAt(alive, 'c')
  const ended = await start()
  await endAttempt(client, await attemptAt(ended, 'd', '1 h'), 'failed', null)
  const closed = await start()
  await finishJobRun(client, closed, { status: 'failed', metrics: {} })
  await start({ runKey: null })
  const since = await silentSince(client, [1, 2, 3, 4, 5, 6], ABANDON_AFTER)
  const [last] = await listAttempts(client, beating.id)
  const [first] = await listAttempts(client, ended.id)
  expect([...since].sort(([a], [b]) => a - b)).toEqual([
    [1, last?.heartbeat_at],
    [2, never.started_at],
    [4, first?.ended_at],
  ])
})
