import type { Client } from 'pg'
import { expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { listCatalogIdentities } from '../../../job-image/db/inputs/catalog-identities.ts'
import { listControls } from '../../../job-image/db/inputs/controls.ts'
import { finishJobRun, getJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { runBatch } from '../../../job-image/run/batch.ts'
import type { BatchContext } from '../../../job-image/run/batch.ts'
import { InterruptedError } from '../../../job-image/errors.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunOptions } from '../../../job-image/run/options.ts'
import { noTimes } from '../../../job-image/validation/control-times.ts'
import { compilePlan } from '../../../job-image/validation/decide.ts'
import { storePlan } from '../../../job-image/db/record/plans.ts'
import { planDigest } from '../../../job-image/validation/plan-digest.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { parseTimestamp } from '../../../job-image/time.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { attemptSession, expectExactlyOnce, storedRun } from '../../support/run-check.ts'
import { watchRun } from '../../support/watch-run.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 4
const CONTROLS = ['AC-1', 'AC-2', 'AU-2']
const RESULTS = SYSTEMS * CONTROLS.length
await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS })
/** Nobody is taken for dead but by the test itself, however slow the machine. */
const HOUR = 3_600_000
const TIMING = { heartbeat: 50, abandonAfter: 60_000, outage: 5_000, poll: 50 }

/** Does `meanwhile` while the first batch of a run, its systems claimed, waits to store its rows. */
async function duringBatch(
  request: RunOptions,
  meanwhile: (runId: number) => Promise<unknown>,
): Promise<RunSummary> {
  const { events, observer, saw } = watchRun()
  const holder = await connect({ url })
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE validation_results IN EXCLUSIVE MODE')
  const run = executeRun({ ...request, observer })
  await Promise.race([saw('planned'), run])
  const opened = events.find((event) => event.type === 'opened')
  const runId = opened?.type === 'opened' ? opened.runId : -1
  const name = await attemptSession(client, runId, 1)
  await expect
    .poll(async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`,
        [name],
      )
      return rows.length
    })
    .toBe(1)
  await meanwhile(runId)
  await disconnect(holder)
  return run
}

/** A run with its systems queued, that no process works on; its one attempt is without an end. */
async function plannedRun(runKey: string): Promise<number> {
  const stop = new AbortController()
  const stopped = executeRun(
    runRequest(url, {
      runKey,
      signal: stop.signal,
      observer: ({ type }) => {
        if (type === 'planned') stop.abort()
      },
    }),
  )
  await expect(stopped).rejects.toThrow(InterruptedError)
  const { rows } = await client.query<{ id: number }>(
    `UPDATE job_runs SET status = 'running', finished_at = NULL WHERE run_key = $1 RETURNING id`,
    [runKey],
  )
  const id = rows[0]?.id ?? -1
  await client.query(
    'UPDATE job_run_attempts SET ended_at = NULL, outcome = NULL, error = NULL WHERE job_run_id = $1',
    [id],
  )
  return id
}

/** What the batches of a planned run have in common. */
async function contextOf(runId: number): Promise<BatchContext> {
  const plan = compilePlan(
    loadRuleSet(),
    (await listControls(client, await listCatalogIdentities(client))).filter(({ active }) => active),
  )
  const digest = planDigest(plan)
  return {
    run: (await getJobRun(client, runId))!,
    plan,
    planDigest: digest,
    // Planning has stored it.
    controlSetId: await storePlan(client, plan, digest, []),
    published: true,
    times: noTimes(plan),
    controlColumns: plan.controls.map(({ id }) => `${id}\t`),
    referenceTime: parseTimestamp('2026-01-01 00:00:00'),
    batchSize: SYSTEMS,
  }
}

async function attemptsOf(runKey: string): Promise<unknown[]> {
  const { rows } = await client.query(
    `SELECT a.attempt, a.outcome, a.error FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
      WHERE r.run_key = $1 ORDER BY a.attempt`,
    [runKey],
  )
  return rows
}

it('a batch under way when its run is closed by another process stores nothing', async () => {
  const runKey = 'closed'
  const summary = await duringBatch(runRequest(url, { runKey, timing: TIMING }), async (runId) =>
    finishJobRun(client, (await getJobRun(client, runId))!, {
      status: 'failed',
      verdict: 'Errored',
      metrics: {},
      error: 'by a peer',
    }),
  )
  expect(summary).toMatchObject({ final: true, status: 'failed', verdict: 'Errored', message: 'by a peer' })
  expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', rows: 0, pending: SYSTEMS })
  expect(await attemptsOf(runKey)).toEqual([
    { attempt: 1, outcome: 'failed', error: 'the run was closed as failed: by a peer' },
  ])
  // What was fenced off is done by the next attempt.
  await executeRun(runRequest(url, { runKey }))
  await expectExactlyOnce(client, runKey, RESULTS)
})

it('a worker that was taken for dead registers again before it goes on', async () => {
  const runKey = 'taken for dead'
  const request = runRequest(url, { runKey, batchSize: 1, timing: TIMING })
  await duringBatch(request, async (runId) => {
    const { rows } = await client.query<{ now: string }>(
      `UPDATE job_run_attempts SET ended_at = heartbeat_at, outcome = 'abandoned' WHERE job_run_id = $1
        RETURNING clock_timestamp()::text AS now`,
      [runId],
    )
    const beats = `SELECT FROM pg_stat_activity
                    WHERE application_name = $1 AND state = 'idle' AND query_start > $2::timestamptz`
    const heartbeat = [`${await attemptSession(client, runId, 1)} heartbeat`, rows[0]?.now]
    await expect.poll(async () => (await client.query(beats, heartbeat)).rows.length).toBe(1)
  })
  expect(await attemptsOf(runKey)).toMatchObject([
    { attempt: 1, outcome: 'abandoned' },
    { attempt: 2, outcome: 'success' },
  ])
  await expectExactlyOnce(client, runKey, RESULTS)
})

it('a run whose plan is lost, as by a failover, is planned again', async () => {
  const runKey = 'plan lost'
  const id = await plannedRun(runKey)
  const peer = await connect({ url })
  await peer.query('BEGIN')
  await peer.query('SELECT FROM run_queue WHERE job_run_id = $1 LIMIT 1 FOR UPDATE', [id])
  const { observer, saw } = watchRun()
  const run = executeRun(runRequest(url, { runKey, observer, timing: TIMING }))
  await Promise.race([saw('waiting'), run])
  await peer.query('DELETE FROM validation_results WHERE job_run_id = $1', [id])
  for (const table of ['run_queue', 'run_details', 'run_records']) {
    await peer.query(`DELETE FROM ${table} WHERE job_run_id = $1`, [id])
  }
  await peer.query('UPDATE job_runs SET planned_at = NULL WHERE id = $1', [id])
  await peer.query('COMMIT')
  await run
  await expectExactlyOnce(client, runKey, RESULTS)
  await disconnect(peer)
})

it.each([
  ['sent its last heartbeat too long ago', '-2 hours', /^no heartbeat since /],
  ['sent its last heartbeat in the future', '2 hours', /is ahead of the clock of the database$/],
])('systems that a worker froze with are freed once it %s', async (_, offset, error) => {
  const runKey = `frozen ${offset}`
  const id = await plannedRun(runKey)
  const frozen = await connect({ url, applicationName: await attemptSession(client, id, 1) })
  await frozen.query('BEGIN')
  await frozen.query('SELECT FROM run_queue WHERE job_run_id = $1 FOR UPDATE', [id])
  const lastSeen = (offset: string): Promise<unknown> =>
    client.query(
      `UPDATE job_run_attempts SET heartbeat_at = (clock_timestamp() AT TIME ZONE 'UTC') + $2::interval
        WHERE job_run_id = $1 AND attempt = 1`,
      [id, offset],
    )
  await lastSeen('0')
  const { events, observer, saw } = watchRun()
  const timing = { ...TIMING, abandonAfter: HOUR }
  const run = executeRun(runRequest(url, { runKey, observer, timing }))
  await Promise.race([saw('waiting'), run])
  expect(events).toContainEqual({ type: 'waiting', reason: 'other workers have the remaining systems' })
  await lastSeen(offset)
  await run
  await expectExactlyOnce(client, runKey, RESULTS)
  expect(await attemptsOf(runKey)).toMatchObject([
    { outcome: 'abandoned', error: expect.stringMatching(error) as string },
    { outcome: 'success' },
  ])
  await disconnect(frozen)
})

it('a batch takes five statements', async () => {
  const context = await contextOf(await plannedRun('five'))
  const session = await connect({ url })
  const query = session.query.bind(session) as (...args: unknown[]) => unknown
  let statements = 0
  session.query = ((...args: unknown[]) => {
    statements += 1
    return query(...args)
  }) as Client['query']
  expect(await runBatch(session, context)).toMatchObject({ systems: SYSTEMS, results: RESULTS })
  expect(statements).toBe(5)
  await disconnect(session)
})

it('a good system whose batch failed for one that a peer has taken meanwhile is stored', async () => {
  const context = await contextOf(await plannedRun('left alone'))
  const { rows } = await client.query<{ good: number; bad: number }>(
    'SELECT min(system_id) AS good, max(system_id) AS bad FROM run_systems WHERE job_run_id = $1',
    [context.run.id],
  )
  const { good, bad } = rows[0]!
  await client.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.system_id = ${bad} THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  const peer = await connect({ url })
  const session = await connect({ url })
  const query = session.query.bind(session) as (...args: unknown[]) => unknown
  let taken = false
  const rollBackAndBeOvertaken = async (): Promise<void> => {
    taken = true
    await query('ROLLBACK')
    await peer.query('BEGIN')
    await peer.query('SELECT FROM run_queue WHERE job_run_id = $1 AND system_id <> $2 FOR UPDATE', [
      context.run.id,
      good,
    ])
  }
  session.query = ((...args: unknown[]) =>
    args[0] === 'ROLLBACK' && !taken ? rollBackAndBeOvertaken() : query(...args)) as Client['query']
  expect(await runBatch(session, context)).toMatchObject({ systems: 1, errors: [] })
  expect(taken).toBe(true)
  await Promise.all([disconnect(peer), disconnect(session)])
  await client.query('DROP FUNCTION refuse CASCADE')
})

it('a bad system that a peer has taken meanwhile is left to the peer, without waiting for it', async () => {
  const runId = await plannedRun('bad')
  const { rows } = await client.query<{ id: number }>('SELECT min(system_id) AS id FROM run_systems')
  const bad = rows[0]?.id ?? -1
  await client.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  const peer = await connect({ url })
  const session = await connect({ url })
  await session.query(`SET lock_timeout TO '500ms'`)
  const query = session.query.bind(session) as (...args: unknown[]) => Promise<unknown>
  // The peer is fast: it has the system as soon as the failed batch lets go of it.
  const queryWithPeer = async (...args: unknown[]): Promise<unknown> => {
    const result = await query(...args)
    await peer.query('BEGIN')
    await peer.query('SELECT FROM run_queue WHERE job_run_id = $1 FOR UPDATE', [runId])
    return result
  }
  session.query = ((...args: unknown[]) =>
    args[0] === 'ROLLBACK' ? queryWithPeer(...args) : query(...args)) as Client['query']
  const context = await contextOf(runId)
  expect(await runBatch(session, context, [bad])).toMatchObject({ systems: 0, errors: [] })
  await Promise.all([disconnect(peer), disconnect(session)])
  await client.query('DROP FUNCTION refuse CASCADE')
  expect(await storedRun(client, 'bad')).toMatchObject({ rows: 0, pending: SYSTEMS })
})
