import { readdirSync } from 'node:fs'
import type { Client } from 'pg'
import { migrationsDirectory } from '../../assets.ts'
import { InputError } from '../../errors.ts'
import { refuseEncoding } from './encoding.ts'
import { sqlState } from '../session/errors.ts'
import { elsewhereProblem, installationsElsewhere, schemaOf, surroundings } from './installation.ts'
import type { Surroundings } from './installation.ts'
import { withLockRetries } from './lock-retries.ts'
import type { LockRetries } from './lock-retries.ts'
import { withMigrationLock } from './migration-lock.ts'
import { migrationError } from './migration-error.ts'
import { buildIndexes, indexProblems } from './shared-indexes.ts'
import { MIGRATIONS_TABLE, SHARED_TABLES } from './shared-tables.ts'
import { foundTables, refuseShapes, shapeProblems } from './table-shapes.ts'

const LOCK_WAIT_MS = 5 * 60_000
const UNDEFINED_TABLE = '42P01'

/** The migrations of the database; their names are those of the files without `.sql`. */
export type SchemaStatus = {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Migrations applied by a newer version of this program. */
  readonly unknown: readonly string[]
}

export type MigrateOptions = {
  /** How long to retry locking, in ms. Default 5 minutes. */
  readonly lockWait?: number
  /** Called while it waits, with the blocking sessions, and before a large index is built. */
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

/** Refuses a database whose schema is older or newer than this program; the message names the command to run. */
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

/** Refuses a session that does not see the existing tables: migrating would be the wrong remedy. */
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
 * Applies missing migrations and builds missing indexes in the schema of the visible tables; returns their names. Safe to
 * run in several processes at once (one works, the others wait), on an empty database and on one of another program. If
 * nothing is missing, it does nothing and needs no privilege. Throws an InputError, before any change, if the schema is
 * ambiguous or a shared table has an incompatible shape.
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

/** Applies the migrations; restores the session's search_path. */
async function applyMigrations(
  client: Client,
  path: readonly string[],
  waiting: Omit<LockRetries, 'tables'>,
): Promise<string[]> {
  const { rows } = await client.query<{ before: string }>(`SELECT current_setting('search_path') AS before`)
  try {
    return await withLockRetries(client, { ...waiting, tables: Object.keys(SHARED_TABLES) }, () =>
      runMigrations(client, path),
    )
  } catch (error) {
    throw migrationError(error, 'the database refuses the migration', '; nothing was changed')
  } finally {
    await client
      .query(`SELECT set_config('search_path', $1, false)`, [rows[0]?.before])
      .catch(() => undefined)
  }
}

/**
 * Runs the migrations. Tables are created in the first schema of `path`; names are resolved as in every later session, so
 * that a type or a table in a later schema is found and not created again.
 */
async function runMigrations(client: Client, path: readonly string[]): Promise<string[]> {
  // Imported on demand: the runner loads a TypeScript loader that reads the working directory on import.
  const { runner } = await import('node-pg-migrate')
  const applied = await runner({
    dbClient: client,
    dir: migrationsDirectory(),
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    schema: [...path],
    migrationsSchema: path[0] as string,
    advisoryLockMode: 'wait',
    // All or nothing; only then does the runner roll back, which a retry needs.
    singleTransaction: true,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  return applied.map(({ name }) => name)
}

/** The schemas of the session's path, with the one to migrate first. */
async function pathToMigrate(client: Client, found: Surroundings): Promise<string[]> {
  const schema = schemaOf(found)
  await requireCreate(client, schema)
  return [schema, ...found.path.filter((other) => other !== schema)]
}

/** Checks the privilege beforehand: the runner would hide the error in a stack trace. */
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
