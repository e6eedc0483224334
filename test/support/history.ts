import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { listControlNames } from '../../job-image/db/inputs/control-names.ts'
import { storePlan } from '../../job-image/db/record/plans.ts'
import type { SetControl } from '../../job-image/db/record/plans.ts'
import { encodeAnswers } from '../../job-image/record/answers.ts'
import { encodeManifest } from '../../job-image/record/manifest.ts'
import type { Decision, Status } from '../../job-image/validation/model.ts'
import type { ValidationPlan } from '../../job-image/validation/plan.ts'

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
  await addRecords(client, id, daysAgo, answers)
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

/** The queue and the records of a run. All its answers must be to the same controls. */
async function addRecords(
  client: Client,
  run: number,
  daysAgo: number,
  answers: readonly Answer[],
): Promise<void> {
  const reused = answers.filter(({ from }) => from !== undefined)
  const own = answers.filter(({ state = 'done', from }) => state === 'done' && from === undefined)
  const controls = own[0]?.controlIds ?? (await controlsOf(client, reused[0])) ?? []
  const plan = randomBytes(32)
  const controlSet = await storePlan(client, planOf(controls, own), plan, await named(client, controls))
  await client.query('UPDATE job_runs SET plan_digest = $2, reference_time = started_at WHERE id = $1', [
    run,
    plan,
  ])
  for (const { controlIds = [] } of own) {
    if (controlIds.join() !== controls.join()) throw new Error('a run has answers to one set of controls')
  }
  // One statement for each kind: a commit for each row would take most of a test's time.
  const ids = (of: readonly Answer[]): number[] => of.map(({ systemId }) => systemId)
  const inState = (wanted: Answer['state']): Answer[] => answers.filter(({ state }) => state === wanted)
  await client.query('INSERT INTO run_queue (job_run_id, system_id) SELECT $1, unnest($2::int[])', [
    run,
    ids(inState('pending')),
  ])
  await client.query(
    `INSERT INTO run_records (job_run_id, system_id, error, decided_at)
     SELECT $1, unnest($2::int[]), 'broken', ${at('$3::float8')}`,
    [run, ids(inState('error')), daysAgo],
  )
  await client.query(
    `INSERT INTO run_records (job_run_id, system_id, decided_run_id, control_set_id, decisions_run_id, inputs_run_id,
                              pass_count, decided_at, confirmed_at, pass, fail)
     SELECT $1, r.system_id, r.decided_run_id, $5, r.decisions_run_id, r.inputs_run_id, r.pass_count, r.decided_at,
            ${at('$4::float8')}, r.pass, r.fail
       FROM unnest($2::int[], $3::int[]) AS o (system_id, run_id)
       JOIN run_records r ON r.job_run_id = o.run_id AND r.system_id = o.system_id`,
    [run, ids(reused), reused.map(({ from }) => from), daysAgo, controlSet],
  )
  await addOwnRecords(client, { run, controls, controlSet, daysAgo }, own)
}

type NewRecords = {
  readonly run: number
  readonly controls: readonly number[]
  readonly controlSet: number
  readonly daysAgo: number
}

async function addOwnRecords(client: Client, records: NewRecords, own: readonly Answer[]): Promise<void> {
  const { run, controls, controlSet, daysAgo } = records
  const encoded = own.map(({ status = 'PASS' }) => {
    const decision: Decision = {
      status: status.toLowerCase() as Status,
      message: `of run ${run}`,
      evidenceKeys: [],
      remediation: null,
      attributes: {},
    }
    return encodeAnswers(
      controls.map(() => decision),
      new Map(),
    )
  })
  const ids = own.map(({ systemId }) => systemId)
  await client.query(
    `INSERT INTO run_records (job_run_id, system_id, decided_run_id, control_set_id, decisions_run_id, inputs_run_id,
                              pass_count, decided_at, pass, fail, answers_digest, evidence_digest)
     SELECT $1, o.system_id, $1, $2, $1, $1, $3, ${at('$4::float8')}, o.pass::varbit, o.fail::varbit, o.digest, $5
       FROM unnest($6::int[], $7::text[], $8::text[], $9::bytea[]) AS o (system_id, pass, fail, digest)`,
    [
      run,
      controlSet,
      controls.length,
      daysAgo,
      encodeManifest([]).digest,
      ids,
      encoded.map(({ pass }) => pass),
      encoded.map(({ fail }) => fail),
      encoded.map(({ digest }) => digest),
    ],
  )
  await client.query(
    `INSERT INTO run_details (job_run_id, system_id, manifest, decisions, decision_of)
     SELECT $1, o.system_id, '[]', o.decisions::json, o.decision_of
       FROM unnest($2::int[], $3::text[], $4::bytea[]) AS o (system_id, decisions, decision_of)`,
    [run, ids, encoded.map(({ decisions }) => decisions), encoded.map(({ decisionOf }) => decisionOf)],
  )
}

/** A plan of the controls. Those that neither pass nor fail are unknown, unless an answer lacks evidence. */
function planOf(controls: readonly number[], own: readonly Answer[]): ValidationPlan {
  const lacks = own.some((answer) => answer.status === 'INSUFFICIENT_EVIDENCE')
  const status: Status = lacks ? 'insufficient_evidence' : 'unknown'
  const fixed: Decision = { status, message: '', evidenceKeys: [], remediation: null, attributes: {} }
  return {
    controls: controls.map((id) => ({
      id,
      catalogId: 1,
      controlId: 'AC-1',
      framework: undefined,
      requirements: [],
    })),
    nodeOf: controls.map(() => 0),
    nodes: [{ fixed }],
    rules: [],
    types: [],
    typeIndex: new Map(),
    invalidControls: [],
  }
}

async function controlsOf(client: Client, reused: Answer | undefined): Promise<number[] | undefined> {
  const { rows } = await client.query<{ controls: [number][] }>(
    `SELECT s.controls FROM control_sets s JOIN run_records r ON r.control_set_id = s.id
      WHERE r.job_run_id = $1 AND r.system_id = $2`,
    [reused?.from, reused?.systemId],
  )
  return rows[0]?.controls.map(([id]) => id)
}

async function named(client: Client, controls: readonly number[]): Promise<SetControl[]> {
  const names = await listControlNames(client)
  return controls.map((id) => {
    const { control = '', catalog = '' } = names.get(id) ?? {}
    return { id, control, catalog, family: control.split('-')[0] ?? '' }
  })
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
