import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { InterruptedError } from '../../../job-image/errors.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunEvent, RunOptions } from '../../../job-image/run/options.ts'
import { createDatabase } from '../../support/database.ts'
import { limitedRole } from '../../support/limited-role.ts'
import { runRequest } from '../../support/request.ts'
import { expectExactlyOnce, storedRun } from '../../support/run-check.ts'
import { watchRun } from '../../support/watch-run.ts'
import { seedWorld } from '../../support/world.ts'

const database = await createDatabase()
const { client } = database
const one = await limitedRole(database, 1)
const two = await limitedRole(database, 2)
const three = await limitedRole(database, 3)
const SYSTEMS = 63
const CONTROLS = ['AC-2', 'AU-2', 'CM-6']
const RESULTS = SYSTEMS * CONTROLS.length
await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS })

/** Longer than a test: what waits for a connection for all of it has failed. */
const LONG_OUTAGE = { heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000, poll: 50 }

const requestFor = (databaseUrl: string, changes: Partial<RunOptions>): RunOptions =>
  runRequest(databaseUrl, { batchSize: 1, timing: LONG_OUTAGE, ...changes })

function warnings(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
}

describe('a role that has fewer connections than the run wants', () => {
  it.each([4, 8])('of %i lanes those work that have one, and the run ends well', async (concurrency) => {
    const runKey = `lanes ${concurrency}`
    const { events, observer } = watchRun()
    // Heartbeats do not take part: all three connections are the lanes'.
    const request = requestFor(three, { runKey, concurrency, observer })
    expect(await executeRun(request)).toMatchObject({ status: 'success' })
    await expectExactlyOnce(client, runKey, RESULTS)
    expect(warnings(events)).toEqual([
      expect.stringMatching(
        new RegExp(`fewer database connections than the ${concurrency} wanted: too many connections`),
      ),
    ])
  })

  it('the heart beats on the connections of the work, where it can have none of its own', async () => {
    const runKey = 'lent'
    const timing = { ...LONG_OUTAGE, heartbeat: 5, outage: 300 }
    const { events, observer } = watchRun()
    const run = await executeRun(requestFor(one, { runKey, timing, observer }))
    expect(run).toMatchObject({ status: 'success' })
    expect(warnings(events)).toContainEqual(
      expect.stringMatching(/proxy shares database sessions could not be checked: .*too many connections/),
    )
    const { rows } = await client.query<{ beaten: boolean }>(
      'SELECT heartbeat_at > started_at AS beaten FROM job_run_attempts WHERE job_run_id = $1',
      [run.runId],
    )
    expect(rows).toEqual([{ beaten: true }])
  })

  it('a run that is stopped is closed although its own lanes hold every connection', async () => {
    const runKey = 'farewell'
    const stop = new AbortController()
    const events: RunEvent[] = []
    const request = requestFor(two, {
      runKey,
      concurrency: 2,
      signal: stop.signal,
      observer: (event) => {
        events.push(event)
        if (event.type === 'progress') stop.abort()
      },
    })
    await expect(executeRun(request)).rejects.toThrow(InterruptedError)
    expect(warnings(events).filter((each) => each.includes('could not be closed'))).toEqual([])
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', finished: true })
  })
})

describe('connections that others have at the start', () => {
  it('are waited for, all of them or the second one only', async () => {
    for (const taken of [3, 2]) {
      const others = await Promise.all(Array.from({ length: taken }, () => connect({ url: three })))
      const runKey = `taken ${taken}`
      const { events, observer, saw } = watchRun()
      const run = executeRun(requestFor(three, { runKey, observer }))
      await Promise.race([saw('retrying'), run])
      await Promise.all(others.map(disconnect))
      expect(await run).toMatchObject({ status: 'success' })
      expect(events).toContainEqual({ type: 'retrying', error: expect.stringMatching(/too many/) as string })
      await expectExactlyOnce(client, runKey, RESULTS)
    }
  })
})

describe('an attempt', () => {
  it('reports its plan and every batch, and ends as the run does', async () => {
    const { events, observer } = watchRun()
    const run = await executeRun(runRequest(database.url, { batchSize: 40, observer }))
    const progress = events.filter(({ type }) => ['planned', 'progress'].includes(type))
    expect(progress).toEqual([
      { type: 'planned', systems: SYSTEMS, pending: SYSTEMS, controls: 3 },
      { type: 'progress', systems: 40, results: 120 },
      { type: 'progress', systems: 23, results: 69 },
    ])
    const { rows } = await client.query('SELECT outcome, error FROM job_run_attempts WHERE job_run_id = $1', [
      run.runId,
    ])
    expect(rows).toEqual([{ outcome: 'success', error: null }])
    const times = await client.query('SELECT FROM job_run_controls WHERE job_run_id = $1 AND decide_us > 0', [
      run.runId,
    ])
    expect(times.rows.length).toBeGreaterThan(0)
  })

  it('names the controls and the systems that it cannot evaluate', async () => {
    await client.query(`
      INSERT INTO control_requirements (control_id, required_all, required_any)
        SELECT id, '7', '[]' FROM controls WHERE control_id = 'AU-2';
      ALTER TABLE validation_results ADD CONSTRAINT refused CHECK (system_id <> 1) NOT VALID`)
    const { events, observer } = watchRun()
    const run = await executeRun(runRequest(database.url, { observer }))
    await client.query(
      'TRUNCATE control_requirements; ALTER TABLE validation_results DROP CONSTRAINT refused',
    )
    expect(run).toMatchObject({ verdict: 'Incomplete', counts: { errors: 2 } })
    expect(warnings(events)).toContainEqual(expect.stringMatching(/^AU-2: .*control_requirements row 1: /))
    expect(events.filter(({ type }) => type === 'system-error')).toEqual([
      { type: 'system-error', systemId: 1, error: expect.stringMatching(/refused/) as string },
    ])
  })

  it('ends as failed, with the reason, where no system can be evaluated', async () => {
    await client.query('ALTER TABLE validation_results ADD CONSTRAINT refused CHECK (false) NOT VALID')
    const run = await executeRun(runRequest(database.url))
    await client.query('ALTER TABLE validation_results DROP CONSTRAINT refused')
    expect(run.status).toBe('failed')
    const { rows } = await client.query('SELECT outcome, error FROM job_run_attempts WHERE job_run_id = $1', [
      run.runId,
    ])
    expect(rows).toEqual([
      {
        outcome: 'failed',
        error: expect.stringMatching(/^the run was closed as failed: none of the 63 systems/) as string,
      },
    ])
  })
})
