import { describe, expect, it } from 'vitest'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunEvent } from '../../../job-image/run/options.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { InterruptedError } from '../../../job-image/errors.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url, name } = await createDatabase()
const CONTROLS = ['AC-1', 'AC-2', 'AC-3', 'AU-2']
const PER_SYSTEM = CONTROLS.length

let environments = 0
/** An environment of the test's own. */
async function world(systems: number): Promise<{ environment: string; systems: number[] }> {
  const environment = `e${(environments += 1)}`
  return { environment, systems: await seedWorld(client, { environment, systems, controls: CONTROLS }) }
}

/** The system at `index` of those that were seeded. */
const at = (systems: readonly number[], index: number): number => systems[index] ?? Number.NaN

/** Stops the run of `key` when its systems are queued and none is decided; the same key goes on from there. */
async function stopAfterPlanning(environment: string, key: string): Promise<void> {
  const stop = new AbortController()
  const observer = (event: RunEvent): void => {
    if (event.type === 'planned') stop.abort()
  }
  const run = executeRun(runRequest(url, { environment, runKey: key, signal: stop.signal, observer }))
  await expect(run).rejects.toThrow(InterruptedError)
}

async function errorsOf(summary: RunSummary): Promise<{ system_id: number; error: string }[]> {
  const { rows } = await client.query<{ system_id: number; error: string }>(
    `SELECT system_id, error FROM run_systems WHERE job_run_id = $1 AND state = 'error' ORDER BY system_id`,
    [summary.runId],
  )
  return rows
}

/** One system is an error for this reason, the others are stored. */
async function expectOneBad(
  summary: RunSummary,
  { systems, bad, error }: { systems: number; bad: number; error: RegExp },
): Promise<void> {
  expect(summary).toMatchObject({
    status: 'success',
    verdict: 'Incomplete',
    counts: { systems, errors: 1, results: (systems - 1) * PER_SYSTEM },
  })
  expect(await errorsOf(summary)).toEqual([{ system_id: bad, error: expect.stringMatching(error) as string }])
  await expectExactlyOnce(client, summary.runKey, (systems - 1) * PER_SYSTEM)
}

/** Statements for the time of one test; `undo` runs in any case. */
async function during<T>(sql: string, undo: string, work: () => Promise<T>): Promise<T> {
  await client.query(sql)
  try {
    return await work()
  } finally {
    await client.query(undo)
  }
}

describe('one bad system is an error with its reason, and the others are stored', () => {
  it('a trigger refuses its rows', async () => {
    const { environment, systems } = await world(13)
    const bad = at(systems, 6)
    const summary = await during(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.system_id = ${bad} THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse()`,
      'DROP FUNCTION refuse CASCADE',
      () => executeRun(runRequest(url, { environment })),
    )
    await expectOneBad(summary, { systems: 13, bad, error: /not this one/ })
  })

  it('a constraint that is checked at COMMIT refuses its rows', async () => {
    const { environment, systems } = await world(5)
    const bad = at(systems, 0)
    const summary = await during(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.system_id = ${bad} THEN RAISE check_violation USING MESSAGE = 'late refusal'; END IF; RETURN NULL; END $$;
       CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON validation_results
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`,
      'DROP FUNCTION refuse CASCADE',
      () => executeRun(runRequest(url, { environment })),
    )
    await expectOneBad(summary, { systems: 5, bad, error: /late refusal/ })
  })

  const COLUMNS = 'id, system_id, evidence_type, sha256, collected_at, expires_at'
  it.each([
    [
      'filters it with an error',
      `SELECT ${COLUMNS}, key FROM evidence_rows WHERE 1 / (CASE WHEN system_id = BAD THEN 0 ELSE 1 END) > 0`,
      /division by zero/,
    ],
    [
      'cannot compute a column for it',
      `SELECT ${COLUMNS}, key || (1 / (system_id - BAD)) AS key FROM evidence_rows`,
      /division by zero/,
    ],
    [
      'finds two values for it',
      `SELECT ${COLUMNS}, (SELECT key FROM generate_series(1, 1 + (system_id = BAD)::int)) AS key FROM evidence_rows`,
      /more than one row/,
    ],
  ])('evidence is a view that %s', async (_, view, error) => {
    const { environment, systems } = await world(7)
    const bad = at(systems, 3)
    const summary = await during(
      `ALTER TABLE evidence RENAME TO evidence_rows; CREATE VIEW evidence AS ${view.replaceAll('BAD', String(bad))}`,
      'DROP VIEW evidence; ALTER TABLE evidence_rows RENAME TO evidence',
      () => executeRun(runRequest(url, { environment })),
    )
    await expectOneBad(summary, { systems: 7, bad, error })
  })

  it('a timestamp of its evidence is beyond what the program reads', async () => {
    const { environment, systems } = await world(4)
    const bad = at(systems, 2)
    await client.query(
      `UPDATE evidence SET expires_at = '294276-12-31 23:59:59.999999' WHERE system_id = $1 AND evidence_type = 'audit-log'`,
      [bad],
    )
    const summary = await executeRun(runRequest(url, { environment }))
    if (summary.counts.errors > 0) {
      await expectOneBad(summary, { systems: 4, bad, error: /evidence row \d+: not a timestamp/ })
    } else await expectExactlyOnce(client, summary.runKey, 4 * PER_SYSTEM)
  })

  it('deleted after the run was planned', async () => {
    const { environment, systems } = await world(4)
    const bad = at(systems, 1)
    await stopAfterPlanning(environment, 'deleted')
    await client.query('DELETE FROM evidence WHERE system_id = $1', [bad])
    await client.query('DELETE FROM systems WHERE id = $1', [bad])
    const summary = await executeRun(runRequest(url, { environment, runKey: 'deleted' }))
    await expectOneBad(summary, { systems: 4, bad, error: /deleted after the run was planned/ })
  })

  it('three workers meet it at once and none takes the run for closed', async () => {
    const { environment, systems } = await world(24)
    const bad = [3, 4, 15].map((index) => at(systems, index))
    const all = await during(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.system_id IN (${bad.join()}) THEN RAISE EXCEPTION 'not this one'; END IF;
         RETURN NEW; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse();
       -- Time for the others between a worker's decision to record an error and its doing so.
       CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$;
       CREATE TRIGGER pause BEFORE INSERT ON run_records FOR EACH STATEMENT EXECUTE FUNCTION pause()`,
      'DROP FUNCTION refuse CASCADE; DROP FUNCTION pause CASCADE',
      () =>
        Promise.all(
          [1, 2, 3].map(() => executeRun(runRequest(url, { environment, runKey: 'three', batchSize: 24 }))),
        ),
    )
    for (const summary of all) {
      expect(summary).toMatchObject({ final: true, status: 'success', verdict: 'Incomplete' })
      expect(summary.counts).toMatchObject({ errors: 3, results: 21 * PER_SYSTEM })
    }
    await expectExactlyOnce(client, 'three', 21 * PER_SYSTEM)
    const outcomes = await client.query(
      'SELECT DISTINCT outcome FROM job_run_attempts WHERE job_run_id = $1',
      [all[0]?.runId],
    )
    expect(outcomes.rows).toEqual([{ outcome: 'success' }])
  })
})

describe('a run that can store nothing for any system', () => {
  it.each([
    [
      'another program wants a column of its own',
      'ALTER TABLE validation_results ADD COLUMN theirs text, ADD CONSTRAINT given CHECK (theirs IS NOT NULL) NOT VALID',
      'ALTER TABLE validation_results DROP COLUMN theirs',
    ],
    [
      'a trigger refuses every row',
      `CREATE FUNCTION refuse_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;
       CREATE TRIGGER refuse_all BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION refuse_all()`,
      'DROP FUNCTION refuse_all CASCADE',
    ],
  ])(
    'because %s has failed, and succeeds with the same key once the table is mended',
    async (_, sql, undo) => {
      const { environment } = await world(3)
      const runKey = `nothing ${sql}`
      const failed = await during(sql, undo, () => executeRun(runRequest(url, { environment, runKey })))
      expect(failed).toMatchObject({
        final: true,
        status: 'failed',
        verdict: 'Errored',
        message: expect.stringMatching(
          /^none of the 3 systems could be evaluated; one of the reasons: /,
        ) as string,
        counts: { systems: 3, results: 0, errors: 3 },
      })
      const summary = await executeRun(runRequest(url, { environment, runKey }))
      expect(summary).toMatchObject({ status: 'success', counts: { systems: 3, errors: 0 } })
      await expectExactlyOnce(client, runKey, 3 * PER_SYSTEM)
    },
  )
})

describe('what the tables hold', () => {
  it('evidence is expired at the reference time itself and valid a microsecond later', async () => {
    const { environment, systems } = await world(3)
    await stopAfterPlanning(environment, 'boundary')
    const moments = [`'0'`, `'1 microsecond'`, `'-1 microsecond'`]
    for (const [index, offset] of moments.entries()) {
      await client.query(
        `UPDATE evidence SET expires_at = r.reference_time + interval ${offset}
           FROM job_runs r WHERE r.run_key = 'boundary' AND system_id = $1 AND evidence_type = 'audit-log'`,
        [at(systems, index)],
      )
    }
    await executeRun(runRequest(url, { environment, runKey: 'boundary' }))
    const { rows } = await client.query<{ status: string; message: string }>(
      `SELECT v.status, v.message FROM validation_results v JOIN controls c ON c.id = v.control_id
        WHERE c.control_id = 'AU-2' AND v.system_id = ANY($1) ORDER BY v.system_id`,
      [systems],
    )
    const [same, later, earlier] = rows
    expect(same?.message).toMatch(/expired/)
    expect(earlier?.message).toMatch(/expired/)
    expect(later?.message).not.toMatch(/expired/)
  })

  it('infinity is a time: never expires, always expired', async () => {
    const { environment, systems } = await world(2)
    const set = (system: number, expires: string, collected: string): Promise<unknown> =>
      client.query('UPDATE evidence SET expires_at = $2, collected_at = $3 WHERE system_id = $1', [
        system,
        expires,
        collected,
      ])
    await set(at(systems, 0), 'infinity', '-infinity')
    await set(at(systems, 1), '-infinity', 'infinity')
    const summary = await executeRun(runRequest(url, { environment }))
    expect(summary).toMatchObject({ status: 'success', counts: { errors: 0 } })
    const { rows } = await client.query(
      `SELECT system_id, bool_or(status = 'PASS') AS some_pass FROM validation_results
        WHERE job_run_id = $1 GROUP BY 1 ORDER BY 1`,
      [summary.runId],
    )
    expect(rows).toEqual([
      { system_id: systems[0], some_pass: true },
      { system_id: systems[1], some_pass: false },
    ])
  })

  it.each([
    ['an object', '{"audit-log": true}'],
    ['null', 'null'],
    ['a list of numbers', '[1, 2]'],
    ['a text', '"audit-log"'],
  ])('required_any as %s makes that control an error and the verdict Incomplete', async (_, shape) => {
    const { environment } = await world(2)
    const { rows } = await client.query<{ id: number }>(
      `INSERT INTO control_requirements (control_id, required_any, required_all)
       SELECT id, $1, '[]' FROM controls WHERE control_id = 'AU-2' RETURNING id`,
      [shape],
    )
    const summary = await during('SELECT', `DELETE FROM control_requirements`, () =>
      executeRun(runRequest(url, { environment })),
    )
    expect(summary).toMatchObject({ status: 'success', verdict: 'Incomplete', counts: { errors: 1 } })
    const stored = await client.query(
      `SELECT DISTINCT v.status FROM validation_results v JOIN controls c ON c.id = v.control_id
        WHERE v.job_run_id = $1 AND c.control_id = 'AU-2' AND v.status = 'PASS'`,
      [summary.runId],
    )
    expect(stored.rows).toEqual([])
    expect(rows[0]?.id).toBeGreaterThan(0)
  })

  it.each(['[1]', '"text"', 'null', '17', '{"withdrawn": {"deep": 1}}'])(
    'attributes of a control may be %s',
    async (attributes) => {
      const { environment } = await world(1)
      await client.query(`UPDATE controls SET attributes = $1`, [attributes])
      const summary = await during('SELECT', `UPDATE controls SET attributes = '{}'`, () =>
        executeRun(runRequest(url, { environment })),
      )
      await expectExactlyOnce(client, summary.runKey, PER_SYSTEM)
    },
  )

  it('names with quotes, tabs, backslashes, line breaks and emoji come back as they were', async () => {
    const keys = [
      "o'brien",
      'tab\there',
      'back\\slash\\N\\.',
      'line\nbreak\r\n',
      '🦄👩‍👩‍👧',
      '"quoted"',
      '\u0001\u007f',
    ]
    const { environment, systems } = await world(keys.length)
    for (const [index, key] of keys.entries()) {
      await client.query('UPDATE evidence SET key = $2, expires_at = NULL WHERE system_id = $1', [
        at(systems, index),
        key,
      ])
    }
    const summary = await executeRun(runRequest(url, { environment }))
    const { rows } = await client.query<{ evidence_keys: string[] }>(
      `SELECT DISTINCT ON (system_id) evidence_keys FROM validation_results
        WHERE job_run_id = $1 AND json_array_length(evidence_keys) > 0 ORDER BY system_id`,
      [summary.runId],
    )
    expect(rows.map(({ evidence_keys }) => [...new Set(evidence_keys)])).toEqual(keys.map((key) => [key]))
  })

  it('a second row for a (system, control) of a run is refused by the database', async () => {
    const { environment } = await world(1)
    const { runId } = await executeRun(runRequest(url, { environment }))
    const again = client.query(
      `INSERT INTO validation_results (system_id, control_id, status, evidence_keys, validated_at, attributes, job_run_id)
       SELECT system_id, control_id, status, evidence_keys, validated_at, attributes, job_run_id
         FROM validation_results WHERE job_run_id = $1 LIMIT 1`,
      [runId],
    )
    await expect(again).rejects.toThrow(/ux_validation_results_run/)
  })
})

describe('nothing to validate', () => {
  it('no systems: Incomplete, with what to do', async () => {
    const summary = await executeRun(runRequest(url, { environment: 'deserted' }))
    expect(summary).toMatchObject({ status: 'success', verdict: 'Incomplete', reason: 'NoSystems' })
    expect(summary.message).toMatch(/"deserted" has no systems.*inventory apply/)
  })

  it('no controls: Incomplete, with what to do', async () => {
    const { environment } = await world(2)
    const hide = `UPDATE controls SET attributes = '{"removed": true}'`
    const summary = await during(hide, `UPDATE controls SET attributes = '{}'`, () =>
      executeRun(runRequest(url, { environment })),
    )
    expect(summary).toMatchObject({ status: 'success', verdict: 'Incomplete', reason: 'NoControls' })
    expect(summary.message).toMatch(/catalog import/)
  })
})

describe('settings of the server', () => {
  it.each([
    [`timezone TO 'Pacific/Auckland'`],
    [`datestyle TO 'German, DMY'`],
    [`default_transaction_isolation TO 'serializable'`],
    [`standard_conforming_strings TO off`],
    [`client_encoding TO 'LATIN1'`],
  ])('%s changes nothing', async (setting) => {
    const { environment } = await world(6)
    await client.query(
      `UPDATE evidence SET expires_at = (clock_timestamp() AT TIME ZONE 'UTC') + interval '1 hour', key = key || ' é'
        WHERE system_id IN (SELECT id FROM systems WHERE environment = $1)`,
      [environment],
    )
    const plain = await executeRun(runRequest(url, { environment }))
    const two = (): Promise<RunSummary[]> =>
      Promise.all(
        [1, 2].map(() => executeRun(runRequest(url, { environment, runKey: setting, batchSize: 1 }))),
      )
    const [changed] = await during(
      `ALTER DATABASE ${name} SET ${setting}`,
      `ALTER DATABASE ${name} RESET ALL`,
      two,
    )
    if (changed === undefined) throw new Error('no run')
    expect(plain.counts.pass).toBeGreaterThan(0)
    expect(changed).toMatchObject({ verdict: plain.verdict, counts: plain.counts })
    expect(Math.abs(Date.parse(changed.startedAt ?? '') - Date.now())).toBeLessThan(60_000)
    const different = await client.query(
      `SELECT control_id, system_id, status, message, evidence_keys::text FROM validation_results WHERE job_run_id = $1
       EXCEPT SELECT control_id, system_id, status, message, evidence_keys::text FROM validation_results WHERE job_run_id = $2`,
      [plain.runId, changed.runId],
    )
    expect(different.rows).toEqual([])
  })
})
