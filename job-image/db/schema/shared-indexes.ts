import type { Client } from 'pg'
import { RunError } from '../../errors.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from '../session/errors.ts'
import { withLockRetries, blockingSessions } from './lock-retries.ts'
import { migrationError } from './migration-error.ts'

/** An index of this program on a table that other programs use, too. */
type SharedIndex = {
  readonly table: string
  readonly unique: boolean
  /** The definition after the table's name in CREATE INDEX. */
  readonly on: string
}

/**
 * Indexes on shared tables, by name. They are not part of the migrations, whose transaction would lock the table while
 * building an index, even a partial one, reads all rows. The definition of a name must never change.
 */
const SHARED_INDEXES: Readonly<Record<string, SharedIndex>> = {
  ux_job_runs_run_key: { table: 'job_runs', unique: true, on: '(run_key) WHERE run_key IS NOT NULL' },
  ux_job_runs_slot: {
    table: 'job_runs',
    unique: true,
    on: '(schedule_uid, slot_at) WHERE schedule_uid IS NOT NULL AND slot_at IS NOT NULL',
  },
  ux_job_runs_running: {
    table: 'job_runs',
    unique: true,
    on: `(schedule_uid) WHERE schedule_uid IS NOT NULL AND status = 'running'`,
  },
  // Ensures that each result is stored once, and orders the results of a run.
  ux_validation_results_run: {
    table: 'validation_results',
    unique: true,
    on: '(job_run_id, system_id, control_id) WHERE job_run_id IS NOT NULL',
  },
  // For each system of an incremental run: has another program evaluated it since? Rows of runs are not in the index.
  ix_validation_results_others: {
    table: 'validation_results',
    unique: false,
    on: '(system_id, validated_at) WHERE job_run_id IS NULL',
  },
}

/** Below this size an index is built in some milliseconds: blocking writers that long is better than waiting for others. */
const SMALL_TABLE_BYTES = 8 * 1024 * 1024

/** An index of this program that queries cannot use yet. */
export type IndexProblem = {
  readonly index: string
  readonly table: string
  /** `invalid`: a build was interrupted. */
  readonly state: 'missing' | 'invalid'
  /** True if the correctness of runs depends on it, not only their speed. */
  readonly required: boolean
}

/** The missing or invalid indexes of a fully migrated database. */
export async function indexProblems(client: Client): Promise<IndexProblem[]> {
  const names = Object.keys(SHARED_INDEXES)
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    `SELECT i.relname AS name, x.indisvalid AS valid
       FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid
      WHERE i.relname = ANY ($1) AND x.indrelid IN (to_regclass('job_runs'), to_regclass('validation_results'))`,
    [names],
  )
  const valid = new Map(rows.map((row) => [row.name, row.valid]))
  return Object.entries(SHARED_INDEXES)
    .filter(([name]) => valid.get(name) !== true)
    .map(([index, { table, unique }]) => ({
      index,
      table,
      state: valid.has(index) ? 'invalid' : 'missing',
      required: unique,
    }))
}

export type IndexBuild = {
  /** How long one wait for a lock, or for the end of older transactions, may last, in ms. */
  readonly lockWait: number
  readonly deadline: number
  readonly onProgress?: ((message: string) => void) | undefined
}

/** Builds missing indexes and rebuilds invalid ones; returns the names. */
export async function buildIndexes(client: Client, build: IndexBuild): Promise<string[]> {
  const problems = await indexProblems(client)
  for (const problem of problems) {
    try {
      await buildIndex(client, problem, build)
    } catch (error) {
      throw migrationError(error, `the database refuses index ${problem.index} on ${problem.table}`)
    }
  }
  return problems.map(({ index }) => index)
}

/** A relation with rows: the table itself or a partition of it. */
type Heap = {
  readonly oid: number
  readonly relation: string
  readonly partition: boolean
  readonly large: boolean
}

/**
 * Builds one index. Large heaps are indexed concurrently with readers and writers. That is impossible for a partitioned
 * table itself, but its index adopts those of its partitions without reading them.
 */
async function buildIndex(client: Client, { index, table }: IndexProblem, build: IndexBuild): Promise<void> {
  const heaps = await heapsOf(client, table)
  const whole = heaps.find(({ partition }) => !partition)
  await dropInvalid(client, index, whole ?? { relation: table, large: false }, build)
  for (const heap of heaps.filter(({ large }) => large)) {
    const name = heap.partition ? `${index}_${heap.oid}` : index
    if (heap.partition) await dropInvalid(client, name, heap, build)
    await concurrently(client, `building index ${name} on ${heap.relation}`, build, () =>
      client.query(createIndex(index, `CONCURRENTLY IF NOT EXISTS ${name} ON ${heap.relation}`)),
    )
  }
  if (whole?.large === true) return
  await withLockRetries(client, { ...build, tables: [table] }, () =>
    client.query(createIndex(index, `IF NOT EXISTS ${index} ON ${table}`)),
  )
}

function createIndex(index: string, what: string): string {
  const { unique, on } = SHARED_INDEXES[index] as SharedIndex
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${what} ${on}`
}

async function heapsOf(client: Client, table: string): Promise<Heap[]> {
  const { rows } = await client.query<Heap>(
    `SELECT h.oid::int8::float8 AS oid, h.oid::regclass::text AS relation, h.oid <> t.oid AS partition,
            pg_relation_size(h.oid) >= $2 AS large
       FROM pg_class t
       JOIN pg_class h ON h.oid = t.oid OR h.oid IN (SELECT relid FROM pg_partition_tree(t.oid) WHERE isleaf)
      WHERE t.oid = to_regclass($1) AND h.relkind = 'r' ORDER BY h.oid`,
    [table, SMALL_TABLE_BYTES],
  )
  return rows
}

async function dropInvalid(
  client: Client,
  name: string,
  { relation, large }: Pick<Heap, 'relation' | 'large'>,
  build: IndexBuild,
): Promise<void> {
  const { rows } = await client.query<{ index: string }>(
    `SELECT x.indexrelid::regclass::text AS index FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = to_regclass($1) AND i.relname = $2 AND NOT x.indisvalid`,
    [relation, name],
  )
  for (const { index } of rows) {
    if (large) {
      await concurrently(client, `removing index ${index}, which was never finished`, build, () =>
        client.query(`DROP INDEX CONCURRENTLY ${index}`),
      )
    } else {
      await withLockRetries(client, { ...build, tables: [relation] }, () =>
        client.query(`DROP INDEX ${index}`),
      )
    }
  }
}

/** Executes a concurrent index operation: it waits for older transactions without blocking others, so it may wait long. */
async function concurrently(
  client: Client,
  what: string,
  { lockWait, onProgress }: IndexBuild,
  work: () => Promise<unknown>,
): Promise<void> {
  const older = await blockingSessions(client)
  onProgress?.(`${what} concurrently${older === '' ? '' : `; it waits for ${older}`}`)
  await client.query(`SET lock_timeout TO ${Math.max(1, lockWait)}`)
  try {
    await work()
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    throw new RunError(
      `${what}: older transactions did not end in time: ${await blockingSessions(client)}; the next "rapidrmf db migrate" builds it anew`,
      { cause: error },
    )
  } finally {
    await client.query('SET lock_timeout TO 0').catch(() => undefined)
  }
}
