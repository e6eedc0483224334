import { isoTimestamp } from '../../time.ts'
import type { Client } from 'pg'
import { suggestion } from '../../document.ts'
import { InputError, asError } from '../../errors.ts'
import { membersOf } from '../../json-text.ts'
import { plural } from '../../plural.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from '../session/errors.ts'
import { UTC_NOW, addAttributes } from '../runs/job-runs.ts'
import { referrersOf } from './referrers.ts'
import type { Referrers } from './referrers.ts'
import { likePattern } from '../inputs/system-filter.ts'

export type RemovalOptions = {
  /** Names, or patterns with `*` and `?`. */
  readonly names: readonly string[]
  /** Undefined: whichever environment a name is in; patterns need one. */
  readonly environment: string | undefined
  /** Remove the systems' results too. */
  readonly results: boolean
  /** Do all of it and roll back. */
  readonly dryRun: boolean
}

/** The removed rows of one system. */
export type RemovedSystem = {
  readonly system: string
  readonly environment: string
  readonly evidence: number
  /** Results of runs. */
  readonly results: number
  /** Results that other programs stored. */
  readonly other_results: number
  /** Runs that keep their counts about it. */
  readonly runs: number
}

type Found = { readonly id: number; readonly name: string; readonly environment: string }
type Removal = { readonly id: number; readonly removed: RemovedSystem }

/** Timeout of waiting for rows that a batch has locked. */
const LOCK_TIMEOUT = '10s'
const FOREIGN_KEY_VIOLATION = '23503'
/** Tables of ours whose rows go with the system. */
const GO_WITH_IT = ['evidence', 'validation_results']

/**
 * Removes systems with their evidence and, if requested, their results, in one transaction. Runs keep their rows about the
 * systems, with the counts, and store the names. Throws an InputError that lists everything that prevents the removal:
 * rows of other programs, results that are not to be removed, and running runs.
 */
export async function removeSystems(client: Client, options: RemovalOptions): Promise<RemovedSystem[]> {
  await client.query(`BEGIN; SET LOCAL lock_timeout TO '${LOCK_TIMEOUT}'`)
  try {
    const removed = await remove(client, options)
    await client.query(options.dryRun ? 'ROLLBACK' : 'COMMIT')
    return removed
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => {})
    throw refusal(thrown)
  }
}

function refusal(thrown: unknown): unknown {
  const state = sqlState(thrown)
  const { message } = asError(thrown)
  if (state === LOCK_NOT_AVAILABLE) {
    return new InputError(
      `another session holds rows of these systems (${message}); try again when it has ended; nothing was removed`,
      { cause: thrown },
    )
  }
  if (state !== FOREIGN_KEY_VIOLATION) return thrown
  return new InputError(
    `the database refuses the removal: ${message}; remove those rows by the program that made them; nothing was removed`,
    { cause: thrown },
  )
}

// Locked in the order of a run's own work: systems, runs, queue. So neither waits for what the other holds.
async function remove(client: Client, options: RemovalOptions): Promise<RemovedSystem[]> {
  const systems = await lockSystems(client, options)
  const ids = systems.map(({ id }) => id)
  const runIds = await lockRuns(client, ids)
  await refuseObstacles(client, systems, options)
  const removals = await removeRows(client, systems, options)
  await noteRemoval(client, removals, options)
  await lockQueue(client, ids, runIds)
  await client.query('DELETE FROM systems WHERE id = ANY ($1)', [ids])
  await expectRemoved(client, 'systems', 'id', ids)
  return removals.map(({ removed }) => removed)
}

/** A name that means any number of systems. */
export function isPattern(name: string): boolean {
  return /[*?]/.test(name)
}

/** The systems that are meant, locked against new evidence and results. */
async function lockSystems(client: Client, { names, environment }: RemovalOptions): Promise<Found[]> {
  const { rows } = await client.query<Found & { readonly named: boolean[] }>(
    `SELECT s.id, s.name, s.environment, (SELECT json_agg(s.name LIKE p ORDER BY n) FROM unnest($1::text[]) WITH ORDINALITY AS w (p, n)) AS named
       FROM systems s
      WHERE s.name LIKE ANY ($1) AND ($2::text IS NULL OR s.environment = $2)
      ORDER BY s.id FOR UPDATE`,
    [names.map(likePattern), environment ?? null],
  )
  const missing = names.filter((_, index) => !rows.some(({ named }) => named[index] === true))
  if (missing.length > 0) throw await notFound(client, missing, environment)
  return rows.map(({ id, name, environment: where }) => ({ id, name, environment: where }))
}

async function notFound(
  client: Client,
  missing: readonly string[],
  environment: string | undefined,
): Promise<InputError> {
  const { rows } = await client.query<{ name: string; environment: string }>(
    'SELECT name, environment FROM systems ORDER BY name',
  )
  const known = rows.map(({ name }) => name)
  return new InputError(
    missing.map((name) => {
      const elsewhere = rows.find((row) => row.name === name)?.environment
      const where = environment === undefined ? '' : ` in the environment ${JSON.stringify(environment)}`
      const hint =
        elsewhere === undefined ? suggestion(name, known) : `; it is in ${JSON.stringify(elsewhere)}`
      return { message: `there is no system ${JSON.stringify(name)}${where}${hint}` }
    }),
  )
}

/** Ended runs that have rows about these systems, locked against being opened again. */
async function lockRuns(client: Client, systemIds: readonly number[]): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `SELECT id FROM job_runs
      WHERE status <> 'running'
        AND id IN (SELECT job_run_id FROM run_systems WHERE system_id = ANY ($1))
      ORDER BY id FOR NO KEY UPDATE`,
    [systemIds],
  )
  return rows.map(({ id }) => id)
}

async function refuseObstacles(
  client: Client,
  systems: readonly Found[],
  { results }: RemovalOptions,
): Promise<void> {
  const ids = systems.map(({ id }) => id)
  const found = [
    ...(await runningObstacles(client, ids)),
    ...(results ? [] : await resultObstacles(client, systems)),
    ...(await foreignRows(client, ids)).map(
      ({ table, refersTo, rows }) =>
        `${plural(rows, 'row')} of table ${table} ${rows === 1 ? 'refers' : 'refer'} to ${refersTo}: remove ${rows === 1 ? 'it' : 'them'} by the program that made ${rows === 1 ? 'it' : 'them'}`,
    ),
  ]
  if (found.length === 0) return
  throw new InputError([...found, 'nothing was removed'].map((message) => ({ message })))
}

/** Also systems that a running run has evaluated: it counts them when it is closed. */
async function runningObstacles(client: Client, systemIds: readonly number[]): Promise<string[]> {
  const { rows } = await client.query<{ id: number; systems: number }>(
    `SELECT r.id, count(*)::int AS systems
       FROM job_runs r JOIN run_systems q ON q.job_run_id = r.id
      WHERE r.status = 'running' AND q.system_id = ANY ($1)
      GROUP BY r.id ORDER BY r.id`,
    [systemIds],
  )
  return rows.map(
    ({ id, systems }) =>
      `run ${id} is running and includes ${plural(systems, 'system')} of these: wait for its end (the next run of its environment closes one whose process has died)`,
  )
}

async function resultObstacles(client: Client, systems: readonly Found[]): Promise<string[]> {
  const { rows } = await client.query<{ id: number; results: number }>(
    `SELECT system_id AS id, count(*)::int AS results FROM validation_results WHERE system_id = ANY ($1) GROUP BY 1`,
    [systems.map(({ id }) => id)],
  )
  const results = new Map(rows.map((row) => [row.id, row.results]))
  return systems.flatMap(({ id, name }) => {
    const count = results.get(id)
    return count === undefined
      ? []
      : [
          `system ${JSON.stringify(name)} has ${plural(count, 'result')}: add --results to remove them too (runs keep their counts)`,
        ]
  })
}

async function foreignRows(client: Client, systemIds: readonly number[]): Promise<Referrers[]> {
  return [
    ...(await referrersOf(client, 'systems', 'id', systemIds, GO_WITH_IT)),
    ...(await referrersOf(client, 'evidence', 'system_id', systemIds, [])),
    ...(await referrersOf(client, 'validation_results', 'system_id', systemIds, [])),
  ]
}

async function removeRows(
  client: Client,
  systems: readonly Found[],
  { results }: RemovalOptions,
): Promise<Removal[]> {
  const ids = systems.map(({ id }) => id)
  const counts = await countRows(client, ids)
  if (results) {
    await client.query('DELETE FROM validation_results WHERE system_id = ANY ($1)', [ids])
    await expectRemoved(client, 'validation_results', 'system_id', ids)
    // The records keep the statuses; what the answers say, and on what evidence, goes.
    await client.query('DELETE FROM run_details WHERE system_id = ANY ($1)', [ids])
  }
  await client.query('DELETE FROM evidence WHERE system_id = ANY ($1)', [ids])
  await expectRemoved(client, 'evidence', 'system_id', ids)
  return systems.map(({ id, name, environment }) => ({
    id,
    removed: { system: name, environment, ...(counts.get(id) as Counts) },
  }))
}

type Counts = Omit<RemovedSystem, 'system' | 'environment'>

async function countRows(client: Client, systemIds: readonly number[]): Promise<Map<number, Counts>> {
  const { rows } = await client.query<Counts & { id: number }>(
    `SELECT s.id,
            (SELECT count(*)::int FROM evidence WHERE system_id = s.id) AS evidence,
            (SELECT count(*)::int FROM validation_results WHERE system_id = s.id AND job_run_id IS NOT NULL) AS results,
            (SELECT count(*)::int FROM validation_results WHERE system_id = s.id AND job_run_id IS NULL) AS other_results,
            (SELECT count(*)::int FROM run_systems WHERE system_id = s.id) AS runs
       FROM unnest($1::int[]) AS s (id)`,
    [systemIds],
  )
  return new Map(rows.map(({ id, ...counts }) => [id, counts]))
}

/** A trigger or a policy can keep rows without an error. */
async function expectRemoved(
  client: Client,
  table: string,
  column: string,
  systemIds: readonly number[],
): Promise<void> {
  const { rows } = await client.query<{ left: number }>(
    `SELECT count(*)::int AS left FROM ${table} WHERE ${column} = ANY ($1)`,
    [systemIds],
  )
  const left = rows[0]?.left ?? 0
  if (left === 0) return
  throw new InputError(
    `${plural(left, 'row')} of table ${table} could not be removed (a trigger or a policy keeps them); nothing was removed`,
  )
}

/**
 * Runs note which systems went, by name, and, where results went with them, when that was: such a run is not whole any
 * more and cannot be resumed.
 */
async function noteRemoval(
  client: Client,
  removals: readonly Removal[],
  { results }: RemovalOptions,
): Promise<void> {
  type Row = { id: number; json: string; systems: number[]; evaluated: boolean; now: string }
  const { rows } = await client.query<Row>(
    `SELECT r.id, r.attributes::text AS json, q.systems, q.evaluated, t.now::text AS now
       FROM job_runs r
       JOIN (SELECT job_run_id, json_agg(system_id ORDER BY system_id) AS systems, bool_or(state = 'done') AS evaluated
               FROM run_systems WHERE system_id = ANY ($1) GROUP BY job_run_id) q ON q.job_run_id = r.id
      CROSS JOIN (SELECT ${UTC_NOW} AS now) t`,
    [removals.map(({ id }) => id)],
  )
  const names = new Map(removals.map(({ id, removed }) => [id, removed.system]))
  const noteOf = ({ json, systems, evaluated, now }: Row): object => ({
    removed_systems: {
      ...removedSystems(json),
      ...Object.fromEntries(systems.map((id) => [id, names.get(id)])),
    },
    pruned_at: results && evaluated ? isoTimestamp(now) : undefined,
  })
  // Most runs have the same systems, and so the same note.
  for (const [note, runs] of Map.groupBy(rows, (row) => JSON.stringify(noteOf(row)))) {
    const ids = runs.map(({ id }) => id)
    await addAttributes(client, ids, JSON.parse(note) as Record<string, unknown>)
  }
}

function removedSystems(json: string): object {
  const note = membersOf(json).get('removed_systems')
  const value: unknown = note === undefined ? {} : JSON.parse(note)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

/**
 * Keeps runs from queueing these systems until the transaction ends, and refuses if one has since the runs were locked.
 * Comes last, because every run that stores something waits meanwhile.
 */
async function lockQueue(
  client: Client,
  systemIds: readonly number[],
  runIds: readonly number[],
): Promise<void> {
  await client.query('LOCK TABLE run_queue, run_records IN SHARE ROW EXCLUSIVE MODE')
  const { rows } = await client.query<{ id: number }>(
    `SELECT DISTINCT job_run_id AS id FROM run_systems
      WHERE system_id = ANY ($1) AND job_run_id <> ALL ($2::int[]) LIMIT 1`,
    [systemIds, runIds],
  )
  if (rows[0] !== undefined) {
    throw new InputError(
      `run ${rows[0].id} has taken up these systems meanwhile: try again when it has ended; nothing was removed`,
    )
  }
}
