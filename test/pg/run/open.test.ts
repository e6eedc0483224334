import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { InputError, InterruptedError } from '../../../job-image/errors.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunEvent, RunOptions } from '../../../job-image/run/options.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { attemptSession, expectExactlyOnce, runSessions, storedRun } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const CONTROLS = ['AC-1', 'AC-2', 'AC-3', 'AU-2']
const SYSTEMS = 8
const RESULTS = SYSTEMS * CONTROLS.length
await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS })

let keys = 0
const newKey = (): string => `key-${(keys += 1)}`
const request = (changes: Partial<RunOptions> = {}): RunOptions => runRequest(url, changes)

const schedule = (uid: string, slotAt?: string): NonNullable<RunOptions['schedule']> => ({
  uid,
  name: uid,
  ...(slotAt === undefined ? {} : { slotAt }),
})

/** A run whose process died without a word after planning: an open attempt, nobody behind it. */
async function dieAfterPlanning(
  changes: Partial<RunOptions>,
  silentFor = '1 hour',
): Promise<{ id: number; runKey: string }> {
  const { runKey = newKey(), ...rest } = changes
  const stop = new AbortController()
  const observer = (event: RunEvent): void => {
    if (event.type === 'planned') stop.abort()
  }
  await expect(executeRun(request({ runKey, ...rest, signal: stop.signal, observer }))).rejects.toThrow(
    InterruptedError,
  )
  const { rows } = await client.query<{ id: number }>(
    `UPDATE job_runs SET status = 'running', finished_at = NULL, error = NULL, verdict = NULL
      WHERE run_key = $1 RETURNING id`,
    [runKey],
  )
  const id = rows[0]?.id ?? -1
  await client.query(
    `UPDATE job_run_attempts SET ended_at = NULL, outcome = NULL, error = NULL, heartbeat_at = heartbeat_at - $2::interval
      WHERE job_run_id = $1`,
    [id, silentFor],
  )
  return { id, runKey }
}

async function attemptsOf(runKey: string): Promise<unknown[]> {
  const { rows } = await client.query(
    `SELECT a.attempt, a.outcome, a.error FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
      WHERE r.run_key = $1 ORDER BY a.attempt`,
    [runKey],
  )
  return rows
}

/** Collects what a run tells. */
function listener(): { readonly events: RunEvent[]; readonly observer: (event: RunEvent) => void } {
  const events: RunEvent[] = []
  return { events, observer: (event) => void events.push(event) }
}

/** The times of a run that takes nobody for dead while a test lasts. */
const patient = (): RunOptions['timing'] => ({ ...request().timing, abandonAfter: 3_600_000 })

async function withSession<T>(name: string, work: (session: Client) => Promise<T>): Promise<T> {
  const session = await connect({ url, applicationName: name })
  try {
    return await work(session)
  } finally {
    await disconnect(session)
  }
}

describe('another attempt at a run', () => {
  it.each<[string, Partial<RunOptions>, RegExp]>([
    ['other rule packs', { ruleSet: { ...loadRuleSet(), digest: 'other' } }, /started with other rule packs/],
    ['another configuration', { configurationDigest: 'other' }, /started with another configuration/],
    ['another environment', { environment: 'staging' }, /belongs to run \d+ of environment "production"/],
  ])('with %s is refused and changes nothing', async (_, change, message) => {
    const { runKey } = await dieAfterPlanning({})
    const before = await attemptsOf(runKey)
    const refused = executeRun(request({ runKey, ...change }))
    await expect(refused).rejects.toThrow(InputError)
    await expect(refused).rejects.toThrow(message)
    expect((await attemptsOf(runKey)).length).toBe(before.length)
    await executeRun(request({ runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('with another set of controls is refused; with the old one it resumes', async () => {
    const { runKey } = await dieAfterPlanning({})
    await client.query(`UPDATE controls SET remediation = 'changed' WHERE control_id = 'AC-2'`)
    await expect(executeRun(request({ runKey }))).rejects.toThrow(/another set of controls/)
    await client.query(`UPDATE controls SET remediation = NULL`)
    await executeRun(request({ runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('keeps start and reference time, and clears the end', async () => {
    const { id, runKey } = await dieAfterPlanning({})
    await executeRun(request())
    const times = 'SELECT started_at, reference_time, status, finished_at FROM job_runs WHERE id = $1'
    const failed = (await client.query<Record<string, unknown>>(times, [id])).rows[0]
    expect(failed).toMatchObject({ status: 'failed', finished_at: expect.any(String) as string })
    await executeRun(request({ runKey }))
    const { rows } = await client.query<Record<string, unknown>>(times, [id])
    expect(rows[0]).toMatchObject({
      started_at: failed?.['started_at'],
      reference_time: failed?.['reference_time'],
      status: 'success',
    })
    await expectExactlyOnce(client, runKey, RESULTS)
  })
})

describe('a run that is told to stop', () => {
  it('is closed as failed/interrupted when nobody else is at work, and resumes', async () => {
    const runKey = newKey()
    const stop = new AbortController()
    const observer = (event: RunEvent): void => {
      if (event.type === 'progress') stop.abort()
    }
    const stopped = executeRun(request({ runKey, batchSize: 3, signal: stop.signal, observer }))
    await expect(stopped).rejects.toThrow(InterruptedError)
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', rows: 12, pending: 5 })
    expect(await attemptsOf(runKey)).toMatchObject([{ outcome: 'interrupted' }])
    const { rows } = await client.query<{ error: string }>('SELECT error FROM job_runs WHERE run_key = $1', [
      runKey,
    ])
    expect(rows[0]?.error).toMatch(/^interrupted: /)
    await executeRun(request({ runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('stays open while another attempt is alive', async () => {
    const { id, runKey } = await dieAfterPlanning({}, '0')
    const stop = new AbortController()
    const observer = (event: RunEvent): void => {
      if (event.type === 'planned') stop.abort()
    }
    const stopped = executeRun(request({ runKey, signal: stop.signal, observer, timing: patient() }))
    await expect(stopped).rejects.toThrow(InterruptedError)
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'running', finished: false })
    await executeRun(request({ runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
    await client.query('UPDATE job_run_attempts SET ended_at = heartbeat_at WHERE job_run_id = $1', [id])
  })
})

describe('what dead processes leave', () => {
  it('a run of another key is closed as abandoned by the next run', async () => {
    const { runKey } = await dieAfterPlanning({})
    await executeRun(request())
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', finished: true })
    expect(await attemptsOf(runKey)).toMatchObject([{ outcome: 'abandoned' }])
  })

  it('a run whose process sent its last heartbeat in the future is closed too', async () => {
    const { runKey } = await dieAfterPlanning({ schedule: schedule('ahead') }, '-1 hour')
    await executeRun(request({ schedule: schedule('ahead') }))
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', finished: true })
    expect(await attemptsOf(runKey)).toMatchObject([
      { outcome: 'abandoned', error: expect.stringMatching(/is ahead of the clock/) as string },
    ])
  })

  it('a run of the same schedule is closed although its environment was another one', async () => {
    const { runKey } = await dieAfterPlanning({ environment: 'elsewhere', schedule: schedule('moved') })
    const summary = await executeRun(request({ schedule: schedule('moved') }))
    expect(summary.status).toBe('success')
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed' })
  })

  it('the open attempt of a run that others finished is ended by the next run', async () => {
    const runKey = newKey()
    const { runId } = await executeRun(request({ runKey }))
    await client.query(
      `INSERT INTO job_run_attempts (job_run_id, attempt, worker, host, started_at, heartbeat_at)
       SELECT $1, 99, 'dead', 'dead', '2026-01-01', '2026-01-01'`,
      [runId],
    )
    await executeRun(request())
    expect((await attemptsOf(runKey)).at(-1)).toMatchObject({ attempt: 99, outcome: 'abandoned' })
  })

  it('running rows of other programs are never touched', async () => {
    const insert = `INSERT INTO job_runs (job_type, environment, status, started_at)
                    VALUES ('validation', 'production', 'running', '2020-01-01') RETURNING id`
    const { rows } = await client.query<{ id: number }>(insert)
    await executeRun(request())
    const foreign = await client.query('SELECT status, finished_at, error FROM job_runs WHERE id = $1', [
      rows[0]?.id,
    ])
    expect(foreign.rows).toEqual([{ status: 'running', finished_at: null, error: null }])
  })

  it('a frozen worker that holds systems and the row is ended after its silence, by the same key', async () => {
    const { id, runKey } = await dieAfterPlanning({}, '0')
    await withSession(await attemptSession(client, id, 1), async (frozen) => {
      await frozen.query('BEGIN')
      await frozen.query('SELECT FROM run_queue WHERE job_run_id = $1 FOR UPDATE', [id])
      await frozen.query('SELECT FROM job_runs WHERE id = $1 FOR SHARE', [id])
      const { events, observer } = listener()
      await executeRun(request({ runKey, observer }))
      await expectExactlyOnce(client, runKey, RESULTS)
      expect(events.some(({ type }) => type === 'waiting')).toBe(true)
      await expect(frozen.query('SELECT 1')).rejects.toThrow(/terminat|not queryable/)
    })
    expect(await attemptsOf(runKey)).toMatchObject([{ outcome: 'abandoned' }, { outcome: 'success' }])
  }, 15_000)
})

describe('a schedule', () => {
  const SLOT = '2026-11-24T02:00:00Z'

  it('runs each slot once: another key for the same slot is refused', async () => {
    await executeRun(request({ runKey: newKey(), schedule: schedule('slots', SLOT) }))
    const second = executeRun(request({ runKey: newKey(), schedule: schedule('slots', SLOT) }))
    await expect(second).rejects.toThrow(InputError)
    await expect(second).rejects.toThrow(
      /slot 2026-11-24T02:00:00Z of schedule slots already has run \d+ \(key key-\d+, success\)/,
    )
    const other = await executeRun(request({ schedule: schedule('other', SLOT) }))
    expect(other.status).toBe('success')
  })

  it('runs one at a time: the second waits for the end of the first, and takes the next number', async () => {
    const first = listener()
    const second = listener()
    const order: (number | null)[] = []
    // Holds the first one up in its first batch.
    await client.query('BEGIN')
    await client.query('LOCK TABLE validation_results IN EXCLUSIVE MODE')
    const one = executeRun(request({ schedule: schedule('busy'), observer: first.observer })).then(
      ({ runId }) => order.push(runId),
    )
    await expect.poll(() => first.events.some(({ type }) => type === 'planned')).toBe(true)
    const two = executeRun(request({ schedule: schedule('busy'), observer: second.observer })).then(
      ({ runId }) => order.push(runId),
    )
    await expect.poll(() => second.events.some(({ type }) => type === 'waiting')).toBe(true)
    await client.query('COMMIT')
    await Promise.all([one, two])
    expect(order).toEqual([order[0], order[0]! + 1])
  })

  it('waits out the abandon limit of a process that just died, and closes its run', async () => {
    const dead = await dieAfterPlanning({ schedule: schedule('died') }, '0')
    const { events, observer } = listener()
    const { status } = await executeRun(request({ schedule: schedule('died'), observer }))
    expect(status).toBe('success')
    expect(events.some(({ type }) => type === 'waiting')).toBe(true)
    expect(await storedRun(client, dead.runKey)).toMatchObject({ status: 'failed' })
  })

  it('a run that is told to stop before it began leaves no row', async () => {
    const runKey = newKey()
    await expect(executeRun(request({ runKey, signal: AbortSignal.abort() }))).rejects.toThrow(
      InterruptedError,
    )
    const { rows } = await client.query('SELECT FROM job_runs WHERE run_key = $1', [runKey])
    expect(rows).toHaveLength(0)
  })

  it('a waiting run that is told to stop leaves no row', async () => {
    await dieAfterPlanning({ schedule: schedule('stopped') }, '0')
    const stop = new AbortController()
    const runKey = newKey()
    const waiting = executeRun(
      request({
        runKey,
        schedule: schedule('stopped'),
        signal: stop.signal,
        timing: patient(),
        observer: ({ type }) => {
          if (type === 'waiting') stop.abort()
        },
      }),
    )
    await expect(waiting).rejects.toThrow(InterruptedError)
    const { rows } = await client.query('SELECT FROM job_runs WHERE run_key = $1', [runKey])
    expect(rows).toHaveLength(0)
  })
})

describe('faults of the database', () => {
  it('a unique index of somebody else that refuses the row is an error, not an endless loop', async () => {
    await client.query(
      `CREATE UNIQUE INDEX theirs ON job_runs ((attributes ->> 'triggered_by')) WHERE environment = 'walled'`,
    )
    await executeRun(request({ environment: 'walled' }))
    await expect(executeRun(request({ environment: 'walled' }))).rejects.toThrow(/theirs/)
    await client.query('DROP INDEX theirs')
  })

  it.each([
    ['the disk is full', 'disk_full', /no room/],
    ['memory is short', 'out_of_memory', /no room/],
    ['a deadlock was found', 'deadlock_detected', /no room/],
  ])('%s for a while: the run goes on', async (_, condition, message) => {
    await client.query(
      `CREATE SEQUENCE refusals;
       CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('refusals') <= 3 THEN RAISE ${condition} USING MESSAGE = 'no room'; END IF; RETURN NULL; END $$;
       CREATE TRIGGER refuse AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
    )
    const runKey = newKey()
    const { events, observer } = listener()
    await executeRun(request({ runKey, observer, batchSize: 3 }))
    await client.query('DROP FUNCTION refuse CASCADE; DROP SEQUENCE refusals')
    await expectExactlyOnce(client, runKey, RESULTS)
    const retries = events.flatMap((event) => (event.type === 'retrying' ? [event.error] : []))
    expect(retries.length).toBeGreaterThanOrEqual(3)
    expect(retries[0]).toMatch(message)
  })

  it('the disk stays full: the run breaks, is closed as failed, and resumes when there is room', async () => {
    await client.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$;
       CREATE TRIGGER refuse AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
    )
    const runKey = newKey()
    const timing = { ...request().timing, outage: 500 }
    await expect(executeRun(request({ runKey, timing }))).rejects.toThrow(/No space left/)
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', rows: 0, pending: SYSTEMS })
    await client.query('DROP FUNCTION refuse CASCADE')
    await executeRun(request({ runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('the id sequence of job_runs lies behind its rows: says so', async () => {
    await client.query(`SELECT setval('job_runs_id_seq', 1, false)`)
    await expect(executeRun(request())).rejects.toThrow(/job_runs_pkey/)
    await client.query(`SELECT setval('job_runs_id_seq', (SELECT max(id) FROM job_runs))`)
  })

  it('heartbeats fail for a while: a warning, and the run goes on', async () => {
    await client.query(
      `CREATE FUNCTION no_beat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.ended_at IS NULL THEN RAISE EXCEPTION 'no beat'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER no_beat BEFORE UPDATE ON job_run_attempts FOR EACH ROW EXECUTE FUNCTION no_beat();
       CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
       CREATE TRIGGER slow AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
    )
    const runKey = newKey()
    const { events, observer } = listener()
    await executeRun(request({ runKey, batchSize: 2, observer }))
    await client.query('DROP FUNCTION no_beat CASCADE; DROP FUNCTION slow CASCADE')
    await expectExactlyOnce(client, runKey, RESULTS)
    expect(events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/^no heartbeat: no beat/) as string,
    })
  })

  it('no session is left behind by any of these', async () => {
    await expect.poll(() => runSessions(client)).toBe(0)
  })
})
