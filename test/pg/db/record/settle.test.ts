import type { Client } from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import {
  recordHeartbeat,
  beginAttempt,
  endAttempt,
  evictSilentAttempts,
  findAbandonedRuns,
  hasLiveAttempt,
  listAttempts,
  sessionName,
} from '../../../../job-image/db/runs/attempts.ts'
import type { AttemptRef } from '../../../../job-image/db/runs/attempts.ts'
import { connect, disconnect, inTransaction } from '../../../../job-image/db/session/client.ts'
import { DroppedRows } from '../../../../job-image/db/session/dropped-rows.ts'
import { LOCK_NOT_AVAILABLE } from '../../../../job-image/db/session/errors.ts'
import {
  closeDecidedRun,
  finishJobRun,
  getJobRun,
  lockJobRun,
  markPlanned,
  reopenJobRun,
  startJobRun,
} from '../../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { cancelNotices } from '../../../../job-image/db/runs/notices.ts'
import { addControlTimes } from '../../../../job-image/db/runs/control-times.ts'
import type { RunRef } from '../../../../job-image/db/runs/run-ref.ts'
import { claimSystems } from '../../../../job-image/db/record/claim.ts'
import type { ClaimRequest } from '../../../../job-image/db/record/claim.ts'
import { claimableSystems, queueSystems } from '../../../../job-image/db/record/queue.ts'
import { storePlan } from '../../../../job-image/db/record/plans.ts'
import { settleSystems } from '../../../../job-image/db/record/settle.ts'
import type { Outcome, SystemRecord } from '../../../../job-image/db/record/settle.ts'
import { runTotals } from '../../../../job-image/db/record/totals.ts'
import { closeAbandonedRun, leaveRun } from '../../../../job-image/run/close.ts'
import { loadRuleSet } from '../../../../job-image/rules/load.ts'
import { compilePlan } from '../../../../job-image/validation/decide.ts'
import { createDatabase } from '../../../support/database.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const otherDatabase = await createDatabase()
const systems = await seedWorld(client, { systems: 4, controls: ['AC-1'] })
const peer = await connect({ url, applicationName: 'peer' })
afterAll(() => disconnect(peer))

const SUCCESS = { status: 'success', verdict: 'Passed', metrics: { pass: 1 } } as const
const FAILURE = { status: 'failed', verdict: 'Errored', metrics: {}, error: 'closed by a peer' } as const
/** ms */
const ABANDON_AFTER = 60_000

let keys = 0
const NOTHING_FOUND = { metrics: {}, attributes: {}, controlScope: null, planDigest: Buffer.alloc(32) }

/** A run as it is between its insertion and its planning. */
async function insertedRun(): Promise<JobRun> {
  keys += 1
  return startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: {},
    runKey: `key-${keys}`,
  })
}

async function plannedRun(): Promise<JobRun> {
  const run = await insertedRun()
  await queueSystems(client, run, 'production')
  await markPlanned(client, run, NOTHING_FOUND)
  return run
}

const claimOf = (run: RunRef): ClaimRequest => ({
  run,
  plan: { types: [] },
  planDigest: Buffer.alloc(32),
  controlSetId: 1,
  referenceTime: 0,
})

const controlSetId = await storePlan(client, compilePlan(loadRuleSet(), []), Buffer.alloc(32), [
  { id: 1, catalog: 'nist', control: 'AC-1', family: 'AC' },
])

/** A record of one control that lacks evidence. */
const record = (systemId: number, changes: Partial<SystemRecord> = {}): SystemRecord => ({
  systemId,
  pass: 0,
  fail: 0,
  insufficientEvidence: 1,
  unknown: 0,
  inputDigest: Buffer.alloc(32, 1),
  evidenceDigest: Buffer.alloc(32, 2),
  answersDigest: Buffer.alloc(32, 3),
  validUntil: null,
  passBits: '0',
  failBits: null,
  inputsRunId: null,
  decisionsRunId: null,
  manifest: '[]',
  decisions: '[]',
  decisionOf: Buffer.from([0]),
  ...changes,
})

const settleOutcomes = async (
  run: RunRef,
  outcomes: readonly Outcome[],
  published = false,
): Promise<boolean> => settleSystems(client, { run, controlSetId, published, outcomes })

/** Takes systems off the queue, with an error each: a record without answers. */
const settle = async (run: RunRef, systemIds: readonly number[]): Promise<boolean> =>
  settleOutcomes(
    run,
    systemIds.map((systemId) => ({ systemId, error: 'broken' })),
  )

async function statusOf(run: JobRun): Promise<string | undefined> {
  return (await getJobRun(client, run.id))?.status
}

/** Work in a transaction that is left open, so that others meet its locks; ended by ROLLBACK. */
async function held(session: Client, work: () => Promise<void>): Promise<void> {
  await session.query('BEGIN')
  try {
    await work()
  } finally {
    await session.query('ROLLBACK')
  }
}

/** Resolves when the peer's session waits for a lock, or its work is done. */
async function peerWaits(work: Promise<unknown>): Promise<void> {
  let settled = false
  const note = (): void => void (settled = true)
  work.then(note, note)
  await expect
    .poll(async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'peer'`,
      )
      return settled || rows.length > 0
    })
    .toBe(true)
}

async function attemptAt(run: JobRun, worker: string): Promise<AttemptRef> {
  return { run, attempt: await beginAttempt(client, run, worker, 'host'), worker }
}

async function silence({ run, attempt }: AttemptRef): Promise<void> {
  await client.query(
    `UPDATE job_run_attempts SET heartbeat_at = heartbeat_at - interval '1 hour'
      WHERE job_run_id = $1 AND attempt = $2`,
    [run.id, attempt],
  )
}

describe('closing a run', () => {
  it('as decided waits for its planning: a run without a queue yet is not an empty one', async () => {
    const run = await insertedRun()
    expect(await closeDecidedRun(client, run, SUCCESS)).toBeUndefined()
    expect(await statusOf(run)).toBe('running')
    await markPlanned(client, run, NOTHING_FOUND)
    expect(await closeDecidedRun(client, run, SUCCESS)).toMatchObject({ status: 'success' })
  })

  it('as decided waits for the last pending system', async () => {
    const run = await plannedRun()
    const [last, ...others] = systems.toReversed() as [number, ...number[]]
    expect(await settle(run, others)).toBe(true)
    expect(await closeDecidedRun(client, run, SUCCESS)).toBeUndefined()
    expect(await settle(run, [last])).toBe(true)
    expect(await closeDecidedRun(client, run, SUCCESS)).toMatchObject({ status: 'success' })
  })

  it.each([
    ['as decided', closeDecidedRun],
    ['for any reason', finishJobRun],
  ])('%s happens once: who comes second changes nothing', async (_, close) => {
    const run = await insertedRun()
    await markPlanned(client, run, NOTHING_FOUND)
    const first = await finishJobRun(client, run, FAILURE)
    expect(first).toMatchObject({ status: 'failed', error: 'closed by a peer' })
    expect(await close(client, run, SUCCESS)).toBeUndefined()
    expect(await getJobRun(client, run.id)).toEqual(first)
  })

  it('as abandoned spares a run that came back to life between the look and the lock', async () => {
    const run = await plannedRun()
    const attempt = await attemptAt(run, 'worker')
    await inTransaction(client, () => closeAbandonedRun(client, run, ABANDON_AFTER))
    expect(await statusOf(run)).toBe('running')
    await silence(attempt)
    await inTransaction(client, () => closeAbandonedRun(client, run, ABANDON_AFTER))
    expect(await statusOf(run)).toBe('failed')
  })

  it('falls to the second of two attempts that end together', async () => {
    const run = await plannedRun()
    const first = await attemptAt(run, 'first')
    const second = await attemptAt(run, 'second')
    const leave = (session: Client, attempt: AttemptRef): Promise<unknown> =>
      leaveRun(session, {
        attempt,
        outcome: 'interrupted',
        reason: 'interrupted: stopped',
        abandonAfter: ABANDON_AFTER,
      })
    const other = await connect({ url })
    await other.query('BEGIN')
    await leave(other, first)
    const leaving = inTransaction(peer, () => leave(peer, second))
    await peerWaits(leaving)
    await other.query('COMMIT')
    await leaving
    await disconnect(other)
    expect(await statusOf(run)).toBe('failed')
  })
})

/** What may have the same numbers after a failover: another worker, a run of another key, an earlier row of the key. */
function strangers(attempt: AttemptRef): AttemptRef[] {
  return [
    { ...attempt, worker: 'another' },
    ...lostRuns(attempt.run).map((run) => ({ ...attempt, run, worker: 'another' })),
  ]
}

function lostRuns(run: RunRef): RunRef[] {
  return [
    { ...run, run_key: 'lost' },
    { ...run, reference_time: '2020-01-01 00:00:00' },
  ]
}

it('nothing that is done to a run reaches another one with its number', async () => {
  const run = await plannedRun()
  await attemptAt(run, 'worker')
  const everything = async (): Promise<unknown> => ({
    run: await getJobRun(client, run.id),
    attempts: await listAttempts(client, run.id),
    totals: await runTotals(client, run),
  })
  const before = await everything()
  for (const lost of lostRuns(run)) {
    expect(await claimSystems(client, claimOf(lost), 2, null)).toBeUndefined()
    expect(await claimableSystems(client, lost, 2)).toEqual([])
    expect(await settle(lost, systems)).toBe(false)
    expect(await runTotals(client, lost)).toMatchObject({ systems: 0 })
    expect(await closeDecidedRun(client, lost, SUCCESS)).toBeUndefined()
    expect(await finishJobRun(client, lost, FAILURE)).toBeUndefined()
    expect(await lockJobRun(client, lost)).toBeUndefined()
    expect(await hasLiveAttempt(client, lost, ABANDON_AFTER)).toBe(false)
    expect(await evictSilentAttempts(client, lost, -ABANDON_AFTER)).toBe(0)
    await inTransaction(client, () => closeAbandonedRun(client, lost, -ABANDON_AFTER))
    await expect(markPlanned(client, lost, { ...NOTHING_FOUND, controlScope: 'lost' })).rejects.toThrow(
      DroppedRows,
    )
    await expect(reopenJobRun(client, lost)).rejects.toThrow(DroppedRows)
    await addControlTimes(client, lost, [{ controlId: 1, us: 1 }])
    await cancelNotices(client, lost)
  }
  expect(await everything()).toEqual(before)
  const { rows } = await client.query('SELECT FROM job_run_controls WHERE job_run_id = $1', [run.id])
  expect(rows).toEqual([])
})

describe('settling a batch', () => {
  it('of a closed run is refused, and its systems stay pending', async () => {
    const run = await plannedRun()
    await finishJobRun(client, run, FAILURE)
    expect(await settle(run, systems)).toBe(false)
    const { rows } = await client.query<{ state: string }>(
      'SELECT DISTINCT state FROM run_systems WHERE job_run_id = $1',
      [run.id],
    )
    expect(rows).toEqual([{ state: 'pending' }])
  })

  it('keeps the run from being closed until the batch is committed', async () => {
    const run = await plannedRun()
    await held(client, async () => {
      expect(await settle(run, systems)).toBe(true)
      await peer.query(`SET lock_timeout TO '100ms'`)
      const closing = finishJobRun(peer, run, FAILURE)
      await expect(closing).rejects.toMatchObject({ code: LOCK_NOT_AVAILABLE })
      await peer.query('SET lock_timeout TO 0')
    })
    expect(await finishJobRun(peer, run, FAILURE)).toMatchObject({ status: 'failed' })
  })

  it('takes no system that has left the queue', async () => {
    const run = await plannedRun()
    const [one, two] = systems as [number, number]
    expect(await settle(run, [one])).toBe(true)
    await expect(settle(run, [one, two])).rejects.toThrow(
      /run_queue does not hold the outcome of 1 of the 2 systems/,
    )
  })
})

describe('an attempt', () => {
  it('is found again by its worker, and a new one is begun once it has ended', async () => {
    const run = await plannedRun()
    expect(await beginAttempt(client, run, 'worker', 'host')).toBe(1)
    expect(await beginAttempt(client, run, 'worker', 'host')).toBe(1)
    expect(await beginAttempt(client, run, 'other', 'host')).toBe(2)
    await endAttempt(client, { run, attempt: 1, worker: 'worker' }, 'failed', 'first')
    expect(await beginAttempt(client, run, 'worker', 'host')).toBe(3)
  })

  it('that has ended keeps its outcome', async () => {
    const run = await plannedRun()
    const attempt = await attemptAt(run, 'worker')
    await silence(attempt)
    await endAttempt(client, attempt, 'failed', 'the reason')
    const before = await listAttempts(client, run.id)
    expect(before).toMatchObject([{ outcome: 'failed', error: 'the reason' }])
    await endAttempt(client, attempt, 'success', null)
    await evictSilentAttempts(client, run, ABANDON_AFTER)
    expect(await listAttempts(client, run.id)).toEqual(before)
  })

  it('that is silent loses its session, and no other worker with the same numbers does', async () => {
    const run = await plannedRun()
    const attempt = await attemptAt(run, 'host/1/worker')
    const other = await attemptAt(run, 'host/2/alive')
    await silence(attempt)
    const applicationName = sessionName(attempt)
    const frozen = await connect({ url, applicationName })
    const alive = await connect({ url, applicationName: sessionName(other) })
    const elsewhere = await connect({ url: otherDatabase.url, applicationName })
    // Of a run with the same number that was lost in a failover.
    const lost = await connect({ url, applicationName: sessionName({ ...attempt, worker: 'host/3/lost' }) })
    expect(await evictSilentAttempts(client, run, ABANDON_AFTER)).toBe(1)
    await expect(frozen.query('SELECT 1')).rejects.toThrow(/terminat|not queryable/)
    await alive.query('SELECT 1')
    await elsewhere.query('SELECT 1')
    await lost.query('SELECT 1')
    await Promise.all([frozen, alive, elsewhere, lost].map(disconnect))
    expect(await listAttempts(client, run.id)).toMatchObject([{ outcome: 'abandoned' }, { outcome: null }])
  })

  it('of another worker with the same number is neither kept alive nor ended', async () => {
    const run = await plannedRun()
    const attempt = await attemptAt(run, 'worker')
    const before = await listAttempts(client, run.id)
    for (const stranger of strangers(attempt)) {
      expect(await recordHeartbeat(client, stranger, [])).toBeUndefined()
      await endAttempt(client, stranger, 'failed', 'of a lost run')
    }
    expect(await listAttempts(client, run.id)).toEqual(before)
    expect(await recordHeartbeat(client, attempt, [])).toEqual([])
  })

  it('at the run of the key itself is no reason to close that run', async () => {
    const mine = await plannedRun()
    const other = await plannedRun()
    const found = await findAbandonedRuns(
      client,
      { environment: 'production', scheduleUid: null },
      mine.run_key ?? '',
      ABANDON_AFTER,
    )
    const ids = found.map(({ id }) => id)
    expect(ids).toContain(other.id)
    expect(ids).not.toContain(mine.id)
  })
})

describe('the record of a batch', () => {
  it('keeps what a batch says about a system', async () => {
    const run = await plannedRun()
    const [one, two, three] = systems as [number, number, number]
    const validUntil = '2026-02-03 04:05:06'
    const digest = '01'.repeat(32)
    await settleOutcomes(run, [
      record(one, { validUntil, passBits: '1', failBits: '0' }),
      { systemId: two, error: 'refused' },
      // Its details are those of an earlier run.
      record(three, { inputsRunId: 1, decisionsRunId: 1, manifest: null, decisions: null, decisionOf: null }),
    ])
    const { rows } = await client.query(
      `SELECT error, decided_run_id AS run, encode(input_digest, 'hex') AS digest, valid_until, pass::text, fail::text,
              inputs_run_id AS inputs, decisions_run_id AS decisions, decided_at IS NOT NULL AS decided,
              EXISTS (SELECT FROM run_details d WHERE d.job_run_id = r.job_run_id AND d.system_id = r.system_id) AS details
         FROM run_records r WHERE job_run_id = $1 ORDER BY system_id`,
      [run.id],
    )
    const own = { inputs: run.id, decisions: run.id, details: true }
    const done = { error: null, run: run.id, digest, decided: true }
    expect(rows).toEqual([
      { ...done, ...own, valid_until: validUntil, pass: '1', fail: '0' },
      {
        error: 'refused',
        run: null,
        digest: null,
        valid_until: null,
        pass: null,
        fail: null,
        inputs: null,
        decisions: null,
        decided: true,
        details: false,
      },
      { ...done, inputs: 1, decisions: 1, details: false, valid_until: null, pass: '0', fail: null },
    ])
  })

  it('refuses an outcome whose results are not stored', async () => {
    const run = await plannedRun()
    const [one] = systems as [number]
    await expect(settleOutcomes(run, [record(one)], true)).rejects.toThrow(
      new RegExp(`does not hold the 1 results that were written for system ${one} \\(it holds 0\\)`),
    )
  })
})
