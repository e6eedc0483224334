import { afterEach, describe, expect, it } from 'vitest'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { addValidationResult, addValidationResults } from '../../../../job-image/db/results/results.ts'
import type { NewResult } from '../../../../job-image/db/results/new-result.ts'
import { InputError, asError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { expectExactlyOnce, expectWholeRecord, storedRun } from '../../../support/run-check.ts'
import { outbox, webhookSink } from '../../../support/sinks.ts'
import { watchRun } from '../../../support/watch-run.ts'
import { seedWorld } from '../../../support/world.ts'

/*
 * Tables that do not keep what they are given and report no error: a trigger that returns NULL drops a row without a
 * word, and the sender's own count knows nothing of it.
 */

const { client, url } = await createDatabase()
const CONTROLS = ['AC-2', 'AU-2', 'CM-6', 'XX-1']
const [first, second, third] = (await seedWorld(client, { systems: 3, controls: CONTROLS })) as [
  number,
  number,
  number,
]
const { rows: controls } = await client.query<{ id: number }>('SELECT id FROM controls ORDER BY id')

/** A trigger by the name of `hush`, of which `body` is the function. */
async function hush(table: string, event: string, body: string): Promise<void> {
  await client.query(
    `CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS $hush$ BEGIN ${body}
       IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $hush$;
     CREATE TRIGGER hush BEFORE ${event} ON ${table} FOR EACH ROW EXECUTE FUNCTION hush()`,
  )
}

afterEach(() => client.query('DROP FUNCTION IF EXISTS hush CASCADE; DROP TABLE IF EXISTS part'))

/** An old-style partition for one system: the trigger stores the row there, and keeps it from the table itself. */
const toPartition = (id: number): string =>
  `IF NEW.system_id = ${id} THEN INSERT INTO part SELECT NEW.*; RETURN NULL; END IF;`
const addPartition = 'CREATE TABLE part () INHERITS (validation_results)'

async function errorsOf(runId: number): Promise<Record<number, string>> {
  const { rows } = await client.query<{ system_id: number; error: string }>(
    `SELECT system_id, error FROM run_systems WHERE job_run_id = $1 AND state = 'error'`,
    [runId],
  )
  return Object.fromEntries(rows.map(({ system_id, error }) => [system_id, error]))
}

describe('results of one system', () => {
  it.each([
    ['are dropped', 'RETURN NULL;', /4 results that were written for system \d+ \(it holds 0\)/],
    [
      'are dropped in part',
      `IF NEW.status = 'UNKNOWN' THEN RETURN NULL; END IF;`,
      /4 results that were written for system \d+ \(it holds 3\)/,
    ],
    ['are moved to no run', 'NEW.job_run_id := NULL;', /\(it holds 0\)/],
    [
      'get other statuses',
      `NEW.status := 'PASS';`,
      /results of system \d+ with the statuses that were written/,
    ],
  ])('that %s are an error of that system, and of no other', async (_, body, said) => {
    await hush('validation_results', 'INSERT', `IF NEW.system_id = ${second} THEN ${body} END IF;`)
    const runKey = `results ${said.source}`
    const { runId, ...summary } = await executeRun(runRequest(url, { runKey }))
    expect(summary).toMatchObject({
      status: 'success',
      verdict: 'Incomplete',
      counts: { systems: 3, results: 8, errors: 1 },
    })
    const errors = await errorsOf(runId!)
    expect(Object.keys(errors)).toEqual([String(second)])
    expect(errors[second]).toMatch(said)
    expect(errors[second]).toMatch(/^table validation_results does not hold .*trigger hush/)
    expect(await storedRun(client, runKey)).toMatchObject({
      rows: 8,
      pairs: 8,
      metrics: { results_saved: 8 },
    })
    // What was not stored is not carried on.
    await client.query('DROP FUNCTION hush CASCADE')
    const next = await executeRun(
      runRequest(url, { incremental: { fullEvery: { months: 0, seconds: 86_400 } } }),
    )
    expect(next).toMatchObject({ counts: { systems: 3, results: 12, errors: 0 } })
    const { rows } = await client.query(
      'SELECT FROM validation_results WHERE job_run_id = $1 AND system_id = $2',
      [next.runId, second],
    )
    expect(rows).toHaveLength(4)
  })

  it('that a trigger stores in a partition of its own are all there', async () => {
    await client.query(addPartition)
    await hush('validation_results', 'INSERT', toPartition(second))
    const runKey = 'partition'
    expect(await executeRun(runRequest(url, { runKey }))).toMatchObject({ counts: { errors: 0 } })
    await expectExactlyOnce(client, runKey, 12)
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM part')
    expect(rows).toEqual([{ n: 4 }])
  })
})

describe('a table of the run itself', () => {
  const drops = [
    ['job_runs', 'INSERT', 'RETURN NULL;', /the row of this run/],
    ['job_runs', 'UPDATE', 'IF OLD.planned_at IS NULL THEN RETURN NULL; END IF;', /the plan of run/],
    ['job_runs', 'UPDATE', `IF NEW.status = 'success' THEN RETURN NULL; END IF;`, /the end of run/],
    ['job_run_attempts', 'INSERT', 'RETURN NULL;', /a row for this attempt/],
    ['run_queue', 'INSERT', 'RETURN NULL;', /3 of the 3 systems that run \d+ is to validate/],
    ['run_queue', 'DELETE', 'RETURN NULL;', /the outcome of 3 of the 3 systems/],
    [
      'run_queue',
      'DELETE',
      `IF OLD.system_id = ${second} THEN RETURN NULL; END IF;`,
      /the outcome of 1 of the 3 systems/,
    ],
    ['run_records', 'INSERT', 'RETURN NULL;', /the outcome of 3 of the 3 systems/],
    [
      'run_records',
      'INSERT',
      `IF NEW.system_id = ${second} THEN RETURN NULL; END IF;`,
      /the outcome of 1 of the 3 systems/,
    ],
    ['run_details', 'INSERT', 'RETURN NULL;', /the outcome of 3 of the 3 systems/],
    ['control_sets', 'INSERT', 'RETURN NULL;', /the controls of this run/],
    ['plans', 'INSERT', 'RETURN NULL;', /the plan of this run/],
  ] as const
  const cases = (['all', 'none'] as const).flatMap((publish) =>
    drops.map((drop) => [...drop, publish] as const),
  )

  it.each(cases)(
    '%s that drops each %s (%s) ends the attempt with the remedy: %s, published: %s',
    async (...drop) => {
      const [table, event, body, missing, publish] = drop
      // Stored controls and plans are not stored again.
      await client.query('TRUNCATE plans, control_sets, job_runs, validation_results CASCADE')
      await hush(table, event, body)
      const runKey = `${table} ${event} ${missing.source} ${publish}`
      const error = await executeRun(runRequest(url, { runKey, publish })).then(() => undefined, asError)
      expect(error).toBeInstanceOf(InputError)
      expect(error?.message).toMatch(missing)
      expect(error?.message).toMatch(new RegExp(`^table ${table} does not hold .*trigger hush.* Remove it`))
      const { rows } = await client.query(
        `SELECT (SELECT count(*)::int FROM run_records) AS records, (SELECT count(*)::int FROM run_details) AS details,
              (SELECT count(*)::int FROM validation_results) AS results`,
      )
      const ended = table === 'job_runs' && /the end/.test(missing.source)
      if (!ended) expect(rows).toEqual([{ records: 0, details: 0, results: 0 }])
      await client.query('DROP FUNCTION hush CASCADE')
      await executeRun(runRequest(url, { runKey, publish }))
      await expectWholeRecord(client, runKey, { systems: 3, controls: CONTROLS.length, publish })
    },
  )

  it('notification_outbox that drops rows costs the notices, with a warning, and not the run', async () => {
    await hush('notification_outbox', 'INSERT', 'RETURN NULL;')
    const { events, observer } = watchRun()
    const notifications = [webhookSink('http://127.0.0.1:1')]
    const run = await executeRun(runRequest(url, { notifications, observer }))
    expect(run).toMatchObject({ status: 'success' })
    expect(events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/table notification_outbox does not hold the notices/) as string,
    })
    expect(await outbox(client)).toEqual([])
  })

  it('job_run_attempts that drops signs of life: the heart says so, and the run goes on', async () => {
    await hush('job_run_attempts', 'UPDATE', 'IF NEW.ended_at IS NULL THEN RETURN NULL; END IF;')
    await client.query(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
       CREATE TRIGGER slow AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
    )
    const { events, observer } = watchRun()
    const timing = { heartbeat: 20, abandonAfter: 60_000, outage: 5_000, poll: 50 }
    const { runId } = await executeRun(runRequest(url, { batchSize: 1, timing, observer }))
    await client.query('DROP FUNCTION slow CASCADE')
    expect(events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/no heartbeat: .*the heartbeat of attempt 1/) as string,
    })
    expect(await getJobRun(client, runId!)).toMatchObject({ status: 'success' })
  })
})

describe('results that a program stores by the library', () => {
  const result = (systemId: number): NewResult => ({
    systemId,
    controlId: controls[0]!.id,
    jobRunId: null,
    validatedAt: '2026-02-03 04:05:06.789',
    decision: { status: 'pass', message: 'm', evidenceKeys: [], remediation: null, attributes: {} },
  })

  it('and the table drops are refused by name', async () => {
    await hush('validation_results', 'INSERT', `IF NEW.system_id = ${third} THEN RETURN NULL; END IF;`)
    await addValidationResult(client, result(first))
    await expect(addValidationResult(client, result(third))).rejects.toThrow(
      new RegExp(`does not hold 1 of the 1 results .*system ${third}, .*trigger hush`),
    )
    await expect(addValidationResults(client, [result(second), result(third)])).rejects.toThrow(/1 of the 2/)
  })

  it('and a trigger stores in a partition are there', async () => {
    await client.query(addPartition)
    await hush('validation_results', 'INSERT', toPartition(third))
    await addValidationResults(client, [result(second), result(third)])
    const { rows } = await client.query('SELECT FROM part')
    expect(rows).toHaveLength(1)
  })
})
