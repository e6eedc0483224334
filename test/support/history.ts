import type { Client } from 'pg'

/** The results of an artificial run for one system. */
export type Answer = {
  readonly systemId: number
  readonly state?: 'pending' | 'done' | 'error'
  /** The ids in `controls` of its results. */
  readonly controlIds?: readonly number[]
  /** The run whose rows hold reused results. */
  readonly from?: number
  readonly status?: string
}

export type PastRun = {
  readonly status?: 'running' | 'success' | 'failed'
  /** The age of its end and of its results in days; default 0. */
  readonly daysAgo?: number
  /** Null: a run of another program. */
  readonly runKey?: string | null
  /** The digest of a restricted set of controls: equal for equal sets. */
  readonly controlScope?: string | null
  readonly answers: readonly Answer[]
}

/** SQL for a number of days before now, by the database's clock. */
const at = (daysAgo: string): string =>
  `(date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC') - ${daysAgo} * interval '1 day')`

/** Writes the rows of a run like the program; returns its id. */
export async function addRun(client: Client, run: PastRun): Promise<number> {
  const { status = 'success', daysAgo = 0, answers } = run
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, run_key, planned_at, control_scope)
     SELECT 'validation', 'production', $1::text, ${at('$2::float8')}, CASE WHEN $1::text <> 'running' THEN ${at('$2::float8')} END,
            CASE WHEN $3::text IS NULL THEN gen_random_uuid()::text ELSE nullif($3::text, '') END, ${at('$2::float8')}, $4
     RETURNING id`,
    [status, daysAgo, run.runKey === undefined ? null : (run.runKey ?? ''), run.controlScope ?? null],
  )
  const id = rows[0]!.id
  await client.query(
    `INSERT INTO job_run_systems (job_run_id, system_id, state, results_run_id, pass, decided_at)
     SELECT $1::int, (a ->> 'systemId')::int, coalesce(a ->> 'state', 'done'),
            CASE WHEN coalesce(a ->> 'state', 'done') = 'done' THEN coalesce((a ->> 'from')::int, $1::int) END,
            coalesce(json_array_length(a -> 'controlIds'), 0), ${at('$3::float8')}
       FROM json_array_elements($2::json) a`,
    [id, JSON.stringify(answers), daysAgo],
  )
  await client.query(
    `INSERT INTO validation_results (system_id, control_id, status, message, evidence_keys, validated_at, attributes, job_run_id)
     SELECT (a ->> 'systemId')::int, c::text::int, coalesce(a ->> 'status', 'PASS')::validationstatus, 'of run ' || $1::int, '[]',
            ${at('$3::float8')}, '{}', $1::int
       FROM json_array_elements($2::json) a, json_array_elements(a -> 'controlIds') c
      WHERE coalesce(a ->> 'state', 'done') = 'done' AND a ->> 'from' IS NULL`,
    [id, JSON.stringify(answers), daysAgo],
  )
  return id
}

/** Writes a row like another program: null in all columns that this project added. */
export async function addForeignResult(
  client: Client,
  row: {
    readonly systemId: number
    readonly controlId: number
    /** A number of days ago, or PostgreSQL's text. */
    readonly validatedAt: number | string
    readonly status?: string
    readonly message?: string | null
  },
): Promise<void> {
  await client.query(
    `INSERT INTO validation_results (system_id, control_id, status, message, evidence_keys, validated_at, attributes)
     VALUES ($1, $2, $3, $4, '["theirs.json"]',
             CASE WHEN $5::float8 IS NULL THEN $6::timestamp ELSE ${at('$5::float8')} END, '{}')`,
    [
      row.systemId,
      row.controlId,
      row.status ?? 'FAIL',
      row.message === undefined ? 'theirs' : row.message,
      typeof row.validatedAt === 'number' ? row.validatedAt : null,
      typeof row.validatedAt === 'string' ? row.validatedAt : null,
    ],
  )
}

/** Deletes all runs and results; systems and controls stay. */
export async function clearHistory(client: Client): Promise<void> {
  // CASCADE also deletes all rows that refer to a run.
  await client.query('TRUNCATE job_runs, validation_results RESTART IDENTITY CASCADE')
}

/** Returns the ids of `controls` in order. */
export async function controlIds(client: Client): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM controls ORDER BY id')
  return rows.map(({ id }) => id)
}
