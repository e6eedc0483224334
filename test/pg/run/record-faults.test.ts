import { afterEach, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { readResults } from '../../../job-image/db/record/result-reads.ts'
import type { ResultRow } from '../../../job-image/db/record/result-reads.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { clearHistory } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { attemptSession, expectWholeRecord, storedRun } from '../../support/run-check.ts'
import { watchRun } from '../../support/watch-run.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 6
const CONTROLS = ['AC-1', 'AC-2', 'AU-2']
const systems = await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS })
const PUBLISH = ['all', 'none'] as const
const DAY = { months: 0, seconds: 86_400 }
const TIMING = { heartbeat: 50, abandonAfter: 60_000, outage: 5_000, poll: 50 }

afterEach(async () => {
  await client.query('DROP FUNCTION IF EXISTS gate CASCADE')
  await clearHistory(client)
})

/** Resolves when the attempt's session waits for a lock. */
const waitsForLock = async (runId: number, attempt: number): Promise<void> => {
  const name = await attemptSession(client, runId, attempt)
  await expect
    .poll(async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`,
        [name],
      )
      return rows.length
    })
    .toBe(1)
}

async function runIdOf(runKey: string): Promise<number> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM job_runs WHERE run_key = $1', [runKey])
  return rows[0]!.id
}

async function results(runId?: number): Promise<ResultRow[]> {
  const reader = await connect({ url })
  const found: ResultRow[] = []
  for await (const page of readResults(reader, { environment: 'production', runId })) found.push(...page)
  await disconnect(reader)
  return found
}

describe.each(PUBLISH)('a run that publishes %s', (publish) => {
  it('has each record once when a second worker waits for a batch that the first one stores', async () => {
    const runKey = `frozen ${publish}`
    await client.query(
      `CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.system_id = ${systems[0]!} THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN NEW; END $$;
       CREATE TRIGGER gate BEFORE INSERT ON run_records FOR EACH ROW EXECUTE FUNCTION gate()`,
    )
    const holder = await connect({ url })
    await holder.query('SELECT pg_advisory_lock(4711)')
    const options = { runKey, publish, batchSize: 2, timing: TIMING }
    const one = watchRun()
    const first = executeRun(runRequest(url, { ...options, observer: one.observer }))
    await Promise.race([one.saw('planned'), first])
    const runId = await runIdOf(runKey)
    await waitsForLock(runId, 1)
    const two = watchRun()
    const second = executeRun(runRequest(url, { ...options, observer: two.observer }))
    await Promise.race([two.saw('waiting'), second])
    await disconnect(holder)
    await Promise.all([first, second])
    await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS.length, publish })
  })

  it('records the evidence that it has read, when another program deletes it meanwhile', async () => {
    const runKey = `deleted ${publish}`
    await client.query('CREATE TABLE kept_evidence AS SELECT * FROM evidence')
    const holder = await connect({ url })
    await holder.query('BEGIN; LOCK TABLE run_records IN EXCLUSIVE MODE')
    const { observer, saw } = watchRun()
    const run = executeRun(runRequest(url, { runKey, publish, observer, timing: TIMING }))
    await Promise.race([saw('planned'), run])
    await waitsForLock(await runIdOf(runKey), 1)
    await client.query('DELETE FROM evidence')
    await disconnect(holder)
    const { runId, counts } = await run
    expect(counts.pass).toBeGreaterThan(0)
    await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS.length, publish })
    // The next run finds that its inputs are others.
    const next = await executeRun(runRequest(url, { publish, incremental: { fullEvery: DAY } }))
    expect(next).toMatchObject({ carried: 0, counts: { pass: 0 } })
    expect((await results(runId!)).filter(({ status }) => status === 'pass')).toHaveLength(counts.pass)
    await client.query('INSERT INTO evidence SELECT * FROM kept_evidence; DROP TABLE kept_evidence')
  })

  it('evaluates all systems for a control that was added since the run before', async () => {
    const before = await executeRun(runRequest(url, { runKey: `before ${publish}`, publish }))
    await client.query(
      `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
       SELECT catalog_id, 'CM-6', 'Added', 'CM', '{}' FROM controls LIMIT 1`,
    )
    try {
      const runKey = `added ${publish}`
      const after = await executeRun(runRequest(url, { runKey, publish, incremental: { fullEvery: DAY } }))
      expect(after).toMatchObject({ carried: 0 })
      await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS.length + 1, publish })
      expect(await results()).toHaveLength(SYSTEMS * (CONTROLS.length + 1))
      expect(await results(before.runId!)).toHaveLength(SYSTEMS * CONTROLS.length)
    } finally {
      await client.query(`DELETE FROM validation_results; DELETE FROM controls WHERE control_id = 'CM-6'`)
    }
  })
})

it('a session that ends while it stores a batch leaves nothing of it, and the batch is done again', async () => {
  const runKey = 'ended'
  const holder = await connect({ url })
  await holder.query('BEGIN; LOCK TABLE run_records IN EXCLUSIVE MODE')
  const { observer, saw } = watchRun()
  const run = executeRun(runRequest(url, { runKey, publish: 'none', observer, timing: TIMING })).catch(
    (error: unknown) => error,
  )
  await Promise.race([saw('planned'), run])
  const runId = await runIdOf(runKey)
  await waitsForLock(runId, 1)
  const name = await attemptSession(client, runId, 1)
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`,
    [name],
  )
  await disconnect(holder)
  await run
  await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS.length, publish: 'none' })
  expect(await storedRun(client, runKey)).toMatchObject({ rows: 0 })
})
