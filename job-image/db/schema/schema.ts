import { readdirSync } from 'node:fs'
import type { Client } from 'pg'
import { migrationsDirectory } from '../../assets.ts'
import { InputError } from '../../errors.ts'
import { refuseEncoding } from './encoding.ts'
import { sqlState } from '../session/errors.ts'
import { elsewhereProblem, installationsElsewhere, schemaOf, surroundings } from './installation.ts'
import type { Surroundings } from './installation.ts'
import { inLockTurns } from './lock-turns.ts'
import type { LockTurns } from './lock-turns.ts'
import { withMigrationLock } from './migration-lock.ts'
import { refusal } from './migration-refusal.ts'
import { buildIndexes, indexProblems } from './shared-indexes.ts'
import { MIGRATIONS_TABLE, SHARED_TABLES } from './shared-tables.ts'
import { foundTables, refuseShapes, shapeProblems } from './table-shapes.ts'

const LOCK_WAIT_MS = 5 * 60_000
const UNDEFINED_TABLE = '42P01'

/** Which migrations the database has had; names as the files are called, without `.sql`. */
export type SchemaStatus = {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Applied by a newer version of this program, which this one does not know. */
  readonly unknown: readonly string[]
}

export type MigrateOptions = {
  /** How long to go on trying to get the locks, in ms. Default 5 minutes. */
  readonly lockWait?: number
  /** Called while it waits, with the sessions that are in the way, and before an index is built that takes long. */
  readonly onProgress?: (message: string) => void
}

export async function schemaStatus(client: Client): Promise<SchemaStatus> {
  const known = readdirSync(migrationsDirectory())
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort()
  const applied = await appliedMigrations(client)
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  }
}

async function appliedMigrations(client: Client): Promise<string[]> {
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY name`,
    )
    return rows.map(({ name }) => name)
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return []
    throw error
  }
}

/** Refuses a database that is older or newer than this program, with the command that mends it. */
export async function requireCurrentSchema(client: Client): Promise<void> {
  const status = await schemaStatus(client)
  refuseNewer(status)
  if (status.applied.length === 0) await refuseUnseenInstallation(client)
  const missing = [...status.pending]
  if (missing.length === 0) {
    const problems = await indexProblems(client)
    missing.push(...problems.filter(({ required }) => required).map(({ index }) => `index ${index}`))
  }
  if (missing.length > 0) {
    throw new InputError(
      `the database is not migrated (missing: ${missing.join(', ')}); run "rapidrmf db migrate" first; "scheduler once" and "scheduler start" do it themselves with --migrate`,
    )
  }
}

/** Migrating, the remedy for missing tables, would be the wrong one where they are only out of sight. */
async function refuseUnseenInstallation(client: Client): Promise<void> {
  const found = await surroundings(client)
  const elsewhere = installationsElsewhere(found)
  if (found.chosen || found.tables.some(({ visible }) => visible) || elsewhere.length === 0) return
  throw new InputError(elsewhereProblem(elsewhere, found))
}

function refuseNewer({ unknown }: SchemaStatus): void {
  if (unknown.length === 0) return
  throw new InputError(
    `the database was migrated by a newer version of rapidrmf (it has ${unknown.join(', ')}); use that version or a newer one`,
  )
}

/**
 * Applies what is missing and returns the names of the migrations applied and of the indexes built, in the schema where
 * the tables are that this session's names mean. Safe to run from several processes at once (one works, the others
 * wait), on an empty database and on one that another program made. Does nothing, and so needs no right to create
 * anything, where nothing is missing. Throws an InputError, before anything is changed, where the schema is ambiguous or
 * a shared table has another shape.
 */
export async function migrate(client: Client, options: MigrateOptions = {}): Promise<string[]> {
  const status = await schemaStatus(client)
  refuseNewer(status)
  if (status.pending.length === 0 && (await indexProblems(client)).length === 0) return []
  await refuseEncoding(client)
  const found = await surroundings(client)
  const path = await pathToMigrate(client, found)
  refuseShapes(shapeProblems(await foundTables(client)))
  const { lockWait = LOCK_WAIT_MS, onProgress } = options
  return withMigrationLock(client, onProgress, async () => {
    const waiting = { lockWait, deadline: Date.now() + lockWait, onProgress }
    const applied = await applyMigrations(client, path, waiting)
    return [...applied, ...(await buildIndexes(client, waiting))]
  })
}

/** Leaves the session's search_path as it was. */
async function applyMigrations(
  client: Client,
  path: readonly string[],
  waiting: Omit<LockTurns, 'tables'>,
): Promise<string[]> {
  const { rows } = await client.query<{ before: string }>(`SELECT current_setting('search_path') AS before`)
  try {
    return await inLockTurns(client, { ...waiting, tables: Object.keys(SHARED_TABLES) }, () =>
      runMigrations(client, path),
    )
  } catch (error) {
    throw refusal(error, 'the database refuses the migration', '; nothing was changed')
  } finally {
    await client
      .query(`SELECT set_config('search_path', $1, false)`, [rows[0]?.before])
      .catch(() => undefined)
  }
}

/**
 * The runner makes tables in the first schema of `path`; names in the migrations mean what they mean to every later
 * session, so that a type or a table further down is found and not made again.
 */
async function runMigrations(client: Client, path: readonly string[]): Promise<string[]> {
  // Lazily: the runner brings a loader for migrations in TypeScript that looks at the working directory on import.
  const { runner } = await import('node-pg-migrate')
  const applied = await runner({
    dbClient: client,
    dir: migrationsDirectory(),
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    schema: [...path],
    migrationsSchema: path[0] as string,
    advisoryLockMode: 'wait',
    // All or none; and only so does the runner roll back, without which nothing can be tried again.
    singleTransaction: true,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  return applied.map(({ name }) => name)
}

/** The schemas of the session's path, the one to migrate in first. */
async function pathToMigrate(client: Client, found: Surroundings): Promise<string[]> {
  const schema = schemaOf(found)
  await requireCreate(client, schema)
  return [schema, ...found.path.filter((other) => other !== schema)]
}

/** Asked before the runner meets the refusal: it would hide it in a stack trace. */
async function requireCreate(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ role: string; allowed: boolean }>(
    `SELECT current_user AS role, has_schema_privilege($1, 'CREATE') AS allowed`,
    [schema],
  )
  const { role = '', allowed = false } = rows[0] ?? {}
  if (allowed) return
  throw new InputError(
    `role "${role}" may not create tables in schema "${schema}", which "rapidrmf db migrate" needs; run it as the owner of the database, or grant CREATE on the schema`,
  )
}
