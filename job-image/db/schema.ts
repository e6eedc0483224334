import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { migrationsDirectory } from '../assets.ts'
import { InputError, RunError } from '../errors.ts'
import { LOCK_NOT_AVAILABLE, sqlState } from './errors.ts'

const MIGRATIONS_TABLE = 'rapidrmf_migrations'

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
  if (status.pending.length > 0) {
    throw new InputError(
      `the database is not migrated (missing: ${status.pending.join(', ')}); run "rapidrmf db migrate" first; "scheduler once" and "scheduler start" do it themselves with --migrate`,
    )
  }
}

function refuseNewer({ unknown }: SchemaStatus): void {
  if (unknown.length === 0) return
  throw new InputError(
    `the database was migrated by a newer version of rapidrmf (it has ${unknown.join(', ')}); use that version or a newer one`,
  )
}

/**
 * Applies what is missing and returns the names applied. Safe to run from several processes at once (one works, the
 * others wait), on an empty database and on one that another program made. Does nothing, and so needs no right to
 * create anything, where nothing is missing.
 */
export async function migrate(client: Client, options: MigrateOptions = {}): Promise<string[]> {
  const status = await schemaStatus(client)
  refuseNewer(status)
  if (status.pending.length === 0) return []
  const deadline = Date.now() + (options.lockWait ?? 5 * 60_000)
  await client.query(`SET lock_timeout TO ${LOCK_TIMEOUT_MS}`)
  try {
    let applied: string[] | undefined
    while (applied === undefined) {
      applied = await migrateUnlessLocked(client)
      if (applied === undefined) await waitForLocks(client, deadline, options)
    }
    return applied
  } finally {
    await client.query('RESET lock_timeout').catch(() => undefined)
  }
}

/** Undefined: somebody holds a lock that a migration needs. */
async function migrateUnlessLocked(client: Client): Promise<string[] | undefined> {
  try {
    return await runMigrations(client)
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    return undefined
  }
}

async function runMigrations(client: Client): Promise<string[]> {
  // Lazily: the runner brings a loader for migrations in TypeScript that looks at the working directory on import.
  const { runner } = await import('node-pg-migrate')
  const schema = await schemaToMigrate(client)
  const applied = await runner({
    dbClient: client,
    dir: migrationsDirectory(),
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    schema,
    migrationsSchema: schema,
    advisoryLockMode: 'wait',
    // All or none; and only so does the runner roll back, without which nothing can be tried again.
    singleTransaction: true,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  return applied.map(({ name }) => name)
}

/** Asked before the runner meets the refusal: it would hide it in a stack trace. */
async function schemaToMigrate(client: Client): Promise<string> {
  const { rows } = await client.query<{ schema: string; role: string; allowed: boolean }>(
    `SELECT s AS schema, current_user AS role, has_schema_privilege(s, 'CREATE') AS allowed
       FROM coalesce(current_schema(), 'public') s`,
  )
  const { schema = 'public', role = '', allowed = false } = rows[0] ?? {}
  if (allowed) return schema
  throw new InputError(
    `role "${role}" may not create tables in schema "${schema}", which "rapidrmf db migrate" needs; run it as the owner of the database, or grant CREATE on the schema`,
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
