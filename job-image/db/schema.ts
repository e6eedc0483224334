import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { migrationsDirectory } from '../assets.ts'
import { InputError, RunError, asError } from '../errors.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from './errors.ts'
import { elsewhereProblem, installationsElsewhere, schemaOf, surroundings } from './installation.ts'
import type { Surroundings } from './installation.ts'
import { MIGRATIONS_TABLE } from './shared-tables.ts'
import { foundTables, refuseShapes, shapeProblems } from './table-shapes.ts'

/** An ALTER TABLE that waits holds up every later query of the table, so it waits briefly and comes back. */
const LOCK_TIMEOUT_MS = 2_000
const LOCK_RETRY_PAUSE_MS = 500
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
  /** Told, about every 2.5 s, which sessions are in the way. */
  readonly onWait?: (message: string) => void
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
  if (status.pending.length > 0) {
    throw new InputError(
      `the database is not migrated (missing: ${status.pending.join(', ')}); run "rapidrmf db migrate" first; "scheduler once" and "scheduler start" do it themselves with --migrate`,
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
 * Applies what is missing and returns the names applied, in the schema where the tables are that this session's names
 * mean. Safe to run from several processes at once (one works, the others wait), on an empty database and on one that
 * another program made. Does nothing, and so needs no right to create anything, where nothing is missing. Throws an
 * InputError, before anything is changed, where the schema is ambiguous or a shared table has another shape.
 */
export async function migrate(client: Client, options: MigrateOptions = {}): Promise<string[]> {
  const status = await schemaStatus(client)
  refuseNewer(status)
  if (status.pending.length === 0) return []
  const found = await surroundings(client)
  const path = await pathToMigrate(client, found)
  refuseShapes(shapeProblems(await foundTables(client)))
  const deadline = Date.now() + (options.lockWait ?? 5 * 60_000)
  await client.query(`SET lock_timeout TO ${LOCK_TIMEOUT_MS}`)
  try {
    let applied: string[] | undefined
    while (applied === undefined) {
      applied = await migrateUnlessLocked(client, path)
      if (applied === undefined) await waitForLocks(client, deadline, options)
    }
    return applied
  } finally {
    await client
      .query(`SELECT set_config('search_path', $1, false), set_config('lock_timeout', '0', false)`, [
        found.searchPath,
      ])
      .catch(() => undefined)
  }
}

/** Undefined: another session holds a lock that a migration needs. */
async function migrateUnlessLocked(client: Client, path: readonly string[]): Promise<string[] | undefined> {
  try {
    return await runMigrations(client, path)
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw refusedMigration(error)
    return undefined
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

const INSUFFICIENT_PRIVILEGE = '42501'
/** SQLSTATE classes of a database that is not as a migration needs it: trying again does not help. */
const REFUSING_CLASSES = new Set(['0A', '22', '23', '2B', '42'])

/** The database's refusal of a migration, with what to do. */
function refusedMigration(thrown: unknown): unknown {
  const state = sqlState(thrown) ?? ''
  if (!REFUSING_CLASSES.has(state.slice(0, 2))) return thrown
  const remedy =
    state === INSUFFICIENT_PRIVILEGE
      ? 'run "rapidrmf db migrate" as the owner of the tables'
      : 'the tables are not as rapidrmf needs them (docs/tables.md): change them, or give rapidrmf a schema of its own'
  return new InputError(
    `the database refuses the migration: ${asError(thrown).message}; ${remedy}; nothing was changed`,
    {
      cause: thrown,
    },
  )
}

async function waitForLocks(client: Client, deadline: number, { onWait }: MigrateOptions): Promise<void> {
  const holders = await lockHolders(client)
  if (Date.now() > deadline) {
    throw new RunError(`the migration could not lock its tables in time; in the way: ${holders}`)
  }
  onWait?.(`waiting for table locks; in the way: ${holders}`)
  await sleep(LOCK_RETRY_PAUSE_MS)
}

/** Sessions that hold a lock on a table that the migrations change, oldest transaction first. */
async function lockHolders(client: Client): Promise<string> {
  const { rows } = await client.query<{ holder: string }>(`
    SELECT format('pid %s (%s, in a transaction since %s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'),
                  to_char(a.xact_start, 'HH24:MI:SS "UTC"')) AS holder
      FROM pg_stat_activity a
     WHERE a.pid <> pg_backend_pid()
       AND EXISTS (SELECT FROM pg_locks l
                    WHERE l.pid = a.pid AND l.granted
                      AND l.relation IN (to_regclass('job_runs'), to_regclass('validation_results')))
     ORDER BY a.xact_start LIMIT 5`)
  return rows.length === 0 ? 'another migration' : rows.map(({ holder }) => holder).join('; ')
}
