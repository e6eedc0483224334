import type { Client } from 'pg'
import { InputError, asError } from '../../errors.ts'
import type { Inventory, InventorySystem } from '../../inventory/inventory.ts'
import { planEvidence, systemState } from '../../inventory/plan.ts'
import type { EvidencePlan, StoredEvidence, StoredSystem, SystemState } from '../../inventory/plan.ts'
import { formatTimestamp, parseTimestamp } from '../../time.ts'
import { inTransaction } from '../session/client.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { isDataError, sqlState } from '../session/errors.ts'

export type ApplyOptions = {
  /** Remove evidence that the file does not name, of the systems whose evidence it lists. */
  readonly prune?: boolean
  /** Allow systems to change their environment. */
  readonly move?: boolean
  /** Do all of it and roll back. */
  readonly dryRun?: boolean
}

/** The changes to one system. */
export type SystemChange = {
  readonly system: string
  readonly environment: string
  readonly state: SystemState
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly removed: number
}

/** Held until the transaction ends: two inventories at once would insert the same rows twice. */
const LOCK_KEY = 'rapidrmf inventory'
/** Evidence rows per statement: about 4 MB of JSON. */
const BATCH_ROWS = 10_000
/** Systems whose stored evidence is in memory at once. */
const BATCH_SYSTEMS = 500
const FOREIGN_KEY_VIOLATION = '23503'

/**
 * Makes the tables say what the inventory says, in one transaction and a few statements per 500 systems. Rows that
 * are right already are not written; nothing is removed unless pruning. Returns one change per system, in file order.
 */
export async function applyInventory(
  client: Client,
  inventory: Inventory,
  options: ApplyOptions = {},
): Promise<SystemChange[]> {
  try {
    if (options.dryRun !== true) return await inTransaction(client, () => apply(client, inventory, options))
    await client.query('BEGIN')
    try {
      return await apply(client, inventory, options)
    } finally {
      await client.query('ROLLBACK').catch(() => {})
    }
  } catch (thrown) {
    throw refusal(thrown, inventory.file)
  }
}

function refusal(thrown: unknown, file: string): unknown {
  if (!isDataError(thrown)) return thrown
  const { message } = asError(thrown)
  const remedy =
    sqlState(thrown) === FOREIGN_KEY_VIOLATION
      ? '; evidence that other tables refer to cannot be removed: leave out --prune'
      : ''
  return new InputError(
    { file, message: `the database refuses a row: ${message}${remedy}; nothing was changed` },
    { cause: thrown },
  )
}

async function apply(
  client: Client,
  { systems }: Inventory,
  { prune = false, move = false }: ApplyOptions,
): Promise<SystemChange[]> {
  await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [LOCK_KEY])
  const stored = await storedSystems(client, systems)
  const states = new Map(systems.map((each) => [each.name, systemState(each, stored.get(each.name))]))
  if (!move) refuseMoves(systems, stored)
  const added = await insertSystems(
    client,
    systems.filter(({ name }) => states.get(name) === 'added'),
  )
  await updateSystems(
    client,
    systems.filter(({ name }) => ['changed', 'moved'].includes(states.get(name) ?? '')),
  )
  const changes: SystemChange[] = []
  for (const batch of batches(systems)) {
    const work = batch.map((system) => {
      const id = stored.get(system.name)?.id ?? added.get(system.name)
      if (id === undefined) throw new Error(`no id of system ${JSON.stringify(system.name)}`)
      return { id, system }
    })
    const plans = await applyEvidence(client, work, prune)
    for (const [index, { system }] of work.entries()) {
      const { name, environment } = system
      changes.push({
        system: name,
        environment,
        state: states.get(name) ?? 'unchanged',
        ...countsOf(plans[index]),
      })
    }
  }
  return changes
}

type Counts = Pick<SystemChange, 'added' | 'changed' | 'unchanged' | 'removed'>

function countsOf(plan: EvidencePlan | undefined): Counts {
  if (plan === undefined) return { added: 0, changed: 0, unchanged: 0, removed: 0 }
  const { insert, update, unchanged, remove } = plan
  return { added: insert.length, changed: update.length, unchanged, removed: remove.length }
}

/** A system that appears in another environment is validated there and no longer here: never by accident. */
function refuseMoves(systems: readonly InventorySystem[], stored: ReadonlyMap<string, StoredSystem>): void {
  const problems = systems.flatMap(({ name, environment, problem }) => {
    const from = stored.get(name)?.environment
    return from === undefined || from === environment
      ? []
      : [problem(`is in the environment "${from}", not "${environment}"; add --move to move it`)]
  })
  if (problems.length > 0) throw new InputError(problems)
}

function* batches(systems: readonly InventorySystem[]): Generator<InventorySystem[]> {
  let batch: InventorySystem[] = []
  let rows = 0
  for (const system of systems) {
    const own = system.evidence?.length ?? 0
    if (batch.length === BATCH_SYSTEMS || (batch.length > 0 && rows + own > BATCH_ROWS)) {
      yield batch
      batch = []
      rows = 0
    }
    batch.push(system)
    rows += own
  }
  if (batch.length > 0) yield batch
}

async function storedSystems(
  client: Client,
  systems: readonly InventorySystem[],
): Promise<Map<string, StoredSystem>> {
  const { rows } = await client.query<StoredSystem>(
    `SELECT id, name, environment, description, attributes::text AS attributes
       FROM systems WHERE name = ANY($1)`,
    [systems.map(({ name }) => name)],
  )
  return new Map(rows.map((row) => [row.name, row]))
}

/** Ids of the new rows by name. */
async function insertSystems(
  client: Client,
  systems: readonly InventorySystem[],
): Promise<Map<string, number>> {
  if (systems.length === 0) return new Map()
  const { rows } = await client.query<{ id: number; name: string }>(
    `INSERT INTO systems (name, environment, description, attributes, created_at)
     SELECT name, environment, description, coalesce(attributes, '{}'), clock_timestamp() AT TIME ZONE 'UTC'
       FROM json_to_recordset($1) AS r (name text, environment text, description text, attributes json)
     RETURNING id, name`,
    [systemsJson(systems)],
  )
  await requireStored(client, 'systems', systems.length, rows.length)
  return new Map(rows.map(({ id, name }) => [name, id]))
}

/** Checks that the rows reported as added or changed are stored; otherwise the transaction is rolled back. */
async function requireStored(
  client: Client,
  table: 'systems' | 'evidence',
  given: number,
  stored: number | null,
): Promise<void> {
  if (stored === given) return
  const rows = `${given - (stored ?? 0)} of the ${given} rows of the inventory`
  throw await droppedRows(client, table, rows)
}

async function updateSystems(client: Client, systems: readonly InventorySystem[]): Promise<void> {
  if (systems.length === 0) return
  const { rowCount } = await client.query(
    `UPDATE systems s
        SET environment = r.environment,
            description = coalesce(r.description, s.description),
            attributes = coalesce(r.attributes::text, s.attributes::text)::json,
            updated_at = clock_timestamp() AT TIME ZONE 'UTC'
       FROM json_to_recordset($1) AS r (name text, environment text, description text, attributes json)
      WHERE s.name = r.name`,
    [systemsJson(systems)],
  )
  await requireStored(client, 'systems', systems.length, rowCount)
}

function systemsJson(systems: readonly InventorySystem[]): string {
  return JSON.stringify(
    systems.map(({ name, environment, description, attributes }) => {
      return { name, environment, description, attributes }
    }),
  )
}

type Work = { readonly id: number; readonly system: InventorySystem }

async function applyEvidence(client: Client, work: readonly Work[], prune: boolean): Promise<EvidencePlan[]> {
  const stored = await storedEvidence(client, work, prune)
  const plans = work.map(({ id, system }) => planEvidence(system.evidence, stored.get(id) ?? [], { prune }))
  await insertEvidence(client, work, plans)
  await updateEvidence(client, plans)
  const removed = plans.flatMap(({ remove }) => remove)
  if (removed.length > 0) await client.query('DELETE FROM evidence WHERE id = ANY($1)', [removed])
  return plans
}

type EvidenceColumns = Omit<StoredEvidence, 'collectedAt' | 'expiresAt'> & {
  readonly system_id: number
  readonly collected_at: string
  readonly expires_at: string | null
}

/** The evidence to compare: only the keys in the file, unless pruning, because systems collect evidence for years. */
async function storedEvidence(
  client: Client,
  work: readonly Work[],
  prune: boolean,
): Promise<Map<number, StoredEvidence[]>> {
  const named = prune
    ? null
    : work.flatMap(({ system }) => system.evidence?.map(({ sha256 }) => sha256) ?? [])
  const { rows } = await client.query<EvidenceColumns>(
    `SELECT id, system_id, evidence_type AS type, key, sha256, filename, size, collected_at, expires_at,
            attributes::text AS attributes
       FROM evidence
      WHERE system_id = ANY($1) AND ($2::text[] IS NULL OR sha256 = ANY($2))`,
    [work.map(({ id }) => id), named],
  )
  return Map.groupBy(
    rows.map(({ collected_at: collected, expires_at: expires, ...row }) => ({
      ...row,
      collectedAt: parseTimestamp(collected),
      expiresAt: expires === null ? null : parseTimestamp(expires),
    })),
    (row) => row.system_id,
  )
}

const EVIDENCE_RECORD = `(
  id integer, system_id integer, type text, key text, sha256 text, filename text, size integer,
  collected_at timestamp, expires_at timestamp, attributes json)`

async function insertEvidence(
  client: Client,
  work: readonly Work[],
  plans: readonly EvidencePlan[],
): Promise<void> {
  const rows = work.flatMap(({ id }, index) =>
    (plans[index]?.insert ?? []).map((evidence) => ({ system_id: id, ...columnsOf(evidence) })),
  )
  if (rows.length === 0) return
  const { rowCount } = await client.query(
    `INSERT INTO evidence (system_id, evidence_type, key, sha256, filename, size, collected_at, expires_at, attributes)
     SELECT system_id, type, key, sha256, filename, size, collected_at, expires_at, coalesce(attributes, '{}')
       FROM json_to_recordset($1) AS r ${EVIDENCE_RECORD}`,
    [JSON.stringify(rows)],
  )
  if (rowCount === rows.length) return
  // The trigger of an inherited partition takes the row from the table, and has stored it there.
  const { rows: found } = await client.query(
    'SELECT FROM evidence WHERE system_id = ANY ($1) AND xmin = pg_current_xact_id()::xid',
    [work.map(({ id }) => id)],
  )
  await requireStored(client, 'evidence', rows.length, found.length)
}

async function updateEvidence(client: Client, plans: readonly EvidencePlan[]): Promise<void> {
  const rows = plans.flatMap(({ update }) =>
    update.map(({ id, evidence }) => ({ id, ...columnsOf(evidence) })),
  )
  if (rows.length === 0) return
  const { rowCount } = await client.query(
    `UPDATE evidence e
        SET evidence_type = r.type, key = r.key, collected_at = r.collected_at, expires_at = r.expires_at,
            filename = coalesce(r.filename, e.filename), size = coalesce(r.size, e.size),
            attributes = coalesce(r.attributes::text, e.attributes::text)::json
       FROM json_to_recordset($1) AS r ${EVIDENCE_RECORD}
      WHERE e.id = r.id`,
    [JSON.stringify(rows)],
  )
  await requireStored(client, 'evidence', rows.length, rowCount)
}

function columnsOf({
  collectedAt,
  expiresAt,
  ...rest
}: EvidencePlan['insert'][number]): Record<string, unknown> {
  return {
    ...rest,
    collected_at: formatTimestamp(collectedAt),
    expires_at: expiresAt === null ? null : formatTimestamp(expiresAt),
  }
}
