import type { Client } from 'pg'
import { RunError } from '../../errors.ts'
import { presentable } from '../../json-text.ts'
import { parseTimestamp } from '../../time.ts'
import type { Status } from '../../validation/model.ts'
import { listControlNames } from '../inputs/control-names.ts'
import type { ControlName } from '../inputs/control-names.ts'
import { systemPage } from '../inputs/system-filter.ts'
import type { SystemFilter, SystemName } from '../inputs/system-filter.ts'
import { foreignResults } from '../results/foreign-results.ts'
import type { ForeignResult } from '../results/foreign-results.ts'
import { getJobRun } from '../runs/job-runs.ts'
import { STAY_ON_INDEXES } from '../session/stay-on-indexes.ts'
import { UnreadableRecord, expandRecord } from './expand.ts'
import type { RecordedAnswer } from './expand.ts'
import { ControlSets } from './plans.ts'
import type { SetControl } from './plans.ts'
import { latestRecords, runRecords } from './records.ts'
import type { StoredRecord } from './records.ts'

/** One result as people and scripts see it. Timestamps are PostgreSQL's text, UTC. */
export type ResultRow = {
  /** The run that decided it; null: another program's row. */
  readonly runId: number | null
  readonly system: string
  readonly environment: string
  /** The normalized id, such as `AC-2.1`. */
  readonly control: string
  readonly catalog: string
  readonly status: Status
  /** Null once the details of the run have been deleted for their age. */
  readonly message: string | null
  /** A list of strings, as this program writes it; another program's JSON may be anything. */
  readonly evidenceKeys: unknown
  readonly remediation: string | null
  readonly validatedAt: string
  /** When a run last confirmed it; equal to `validatedAt` unless an incremental run reused it. */
  readonly confirmedAt: string
  readonly attributes: unknown
}

/** Filters apply before the limit. */
export type ResultFilter = SystemFilter & {
  /** The results of this run; absent: the latest of each system and control. */
  readonly runId?: number | undefined
  /** Rows of `controls`, as `matchControls` finds them. */
  readonly controlIds?: readonly number[] | undefined
  readonly status?: Status | undefined
  readonly limit?: number | undefined
}

/** Rows in memory at once, about; a system has one per control. */
const PAGE_ROWS = 10_000
/** Systems per page if few controls are selected. */
const MAX_PAGE_SYSTEMS = 500

/**
 * Streams results in pages, by system name (the database's collation) and then control (natural order: AC-2 before
 * AC-10, the same control of two catalogs by catalog name). Every page is a statement of its own, so that a slow
 * reader holds no transaction open; the rows of one system always belong together. Records that cannot be read are left
 * out, and named by a RunError after all others; so is a run that is pruned meanwhile.
 */
export async function* readResults(
  client: Client,
  filter: ResultFilter,
  controls?: ReadonlyMap<number, ControlName>,
): AsyncGenerator<ResultRow[]> {
  await client.query(STAY_ON_INDEXES)
  const reader = new ResultReader(client, filter, controls ?? (await listControlNames(client)))
  const size = reader.pageSize()
  const prunedBefore = await prunedAt(client, filter)
  let left = filter.limit ?? Infinity
  let after: string | undefined
  while (left > 0) {
    const systems = await systemPage(client, filter, after, size)
    after = systems.at(-1)?.name
    if (after === undefined) break
    const rows = (await reader.page(systems)).slice(0, left)
    left -= rows.length
    if (rows.length > 0) yield rows
    if (systems.length < size) break
  }
  if ((await prunedAt(client, filter)) !== prunedBefore) {
    reader.problems.push(`run ${filter.runId} was pruned while its results were read: some may be missing`)
  }
  if (reader.problems.length > 0) throw new RunError(reader.problems.join('\n'))
}

/** When the run was last pruned; undefined if it was not, and for the latest results, which are kept. */
async function prunedAt(client: Client, { runId }: ResultFilter): Promise<unknown> {
  if (runId === undefined) return undefined
  return (await getJobRun(client, runId))?.attributes?.['pruned_at']
}

/** A result of one system before it is named. */
type Found = {
  /** The control as it was when its run was planned; another program's row has an id alone. */
  readonly of: Pick<SetControl, 'id'> & Partial<SetControl>
  readonly row: Omit<ResultRow, 'system' | 'environment' | 'control' | 'catalog'>
}

class ResultReader {
  /** Records that cannot be read, and why. */
  readonly problems: string[] = []
  readonly #client: Client
  readonly #filter: ResultFilter
  readonly #controlSets: ControlSets
  readonly #wanted: ReadonlySet<number> | undefined
  #names: ReadonlyMap<number, ControlName>

  constructor(client: Client, filter: ResultFilter, names: ReadonlyMap<number, ControlName>) {
    this.#client = client
    this.#controlSets = new ControlSets(client)
    this.#filter = filter
    this.#names = names
    this.#wanted = filter.controlIds === undefined ? undefined : new Set(filter.controlIds)
  }

  pageSize(): number {
    const perSystem = Math.max(1, this.#wanted?.size ?? this.#names.size)
    return Math.min(MAX_PAGE_SYSTEMS, Math.max(1, Math.floor(PAGE_ROWS / perSystem)))
  }

  async page(systems: readonly SystemName[]): Promise<ResultRow[]> {
    const { runId, status, controlIds } = this.#filter
    const ids = systems.map(({ id }) => id)
    const records = await (runId === undefined
      ? latestRecords(this.#client, ids)
      : runRecords(this.#client, runId, ids))
    await this.#controlSets.load(records)
    const bySystem = Map.groupBy(records, ({ systemId }) => systemId)
    const foreign =
      runId === undefined
        ? Map.groupBy(
            await foreignResults(this.#client, sinceFull(ids, bySystem), controlIds),
            ({ systemId }) => systemId,
          )
        : new Map<number, ForeignResult[]>()
    const found = systems.map((system) => ({
      system,
      results: this.#resultsOf(system, bySystem.get(system.id) ?? [], foreign.get(system.id) ?? []).filter(
        ({ row }) => status === undefined || row.status === status,
      ),
    }))
    // A catalog import may add controls while the results are read.
    if (found.some(({ results }) => results.some(({ of }) => !this.#names.has(of.id)))) {
      this.#names = await listControlNames(this.#client)
    }
    return found.flatMap(({ system, results }) => this.#named(system, results))
  }

  /** One result per control: that of the newest record that has it, or a later one of another program. */
  #resultsOf(
    { name }: SystemName,
    records: readonly StoredRecord[],
    foreign: readonly ForeignResult[],
  ): Found[] {
    const results = new Map<number, Found>()
    /** When a record of some controls, not all, evaluated a control. */
    const partly = new Map<number, string>()
    for (const record of records) {
      for (const answer of this.#expanded(record, name)) {
        const { id } = answer.control
        if (this.#wanted?.has(id) === false || results.has(id)) continue
        results.set(id, recordedResult(record, answer))
        if (!record.isFull) partly.set(id, record.confirmedAt)
      }
    }
    for (const row of foreign) {
      const evaluatedAt = partly.get(row.controlId)
      if (evaluatedAt !== undefined && !isLater(row.validatedAt, evaluatedAt)) continue
      results.set(row.controlId, foreignResult(row))
    }
    return [...results.values()]
  }

  #expanded(record: StoredRecord, system: string): RecordedAnswer[] {
    try {
      return expandRecord(record, this.#controlSets.of(record))
    } catch (thrown) {
      if (!(thrown instanceof UnreadableRecord)) throw thrown
      this.problems.push(
        `the record of run ${record.runId} about system ${JSON.stringify(system)} cannot be read: ${thrown.message}; ` +
          `"rapidrmf record verify" names all such records`,
      )
      return []
    }
  }

  #named({ name, environment }: SystemName, results: readonly Found[]): ResultRow[] {
    return results
      .map((result) => ({ result, named: this.#nameOf(result.of) }))
      .sort((a, b) => a.named.rank - b.named.rank)
      .map(({ result, named: { control, catalog } }) => ({
        ...result.row,
        system: name,
        environment,
        control,
        catalog,
      }))
  }

  /** A control that was deleted since keeps the name that the record has. */
  #nameOf({ id, control, catalog }: Found['of']): Pick<ControlName, 'control' | 'catalog' | 'rank'> {
    const known = this.#names.get(id)
    return (
      known ?? {
        control: control ?? `(controls row ${id})`,
        catalog: catalog ?? '',
        rank: this.#names.size + id,
      }
    )
  }
}

/** Results of other programs count if they are later than the record of all controls. */
function sinceFull(ids: readonly number[], records: ReadonlyMap<number, readonly StoredRecord[]>) {
  return ids.map((systemId) => ({
    systemId,
    since: records.get(systemId)?.find(({ isFull }) => isFull)?.confirmedAt ?? null,
  }))
}

function isLater(text: string, other: string): boolean {
  return parseTimestamp(text) > parseTimestamp(other)
}

function recordedResult(record: StoredRecord, { control, status, decision }: RecordedAnswer): Found {
  const row = {
    runId: record.decidedRunId,
    status,
    message: decision?.message ?? null,
    evidenceKeys: decision?.evidenceKeys ?? [],
    remediation: decision?.remediation ?? null,
    validatedAt: record.decidedAt,
    confirmedAt: record.confirmedAt,
    attributes: decision?.attributes ?? {},
  }
  return { of: control, row }
}

function foreignResult(foreign: ForeignResult): Found {
  const { id, controlId, status, message, evidenceKeys, remediation, validatedAt, attributes } = foreign
  const row = {
    runId: null,
    status: status.toLowerCase() as Status,
    message,
    evidenceKeys: presentable(evidenceKeys, `validation_results row ${id}, column evidence_keys`),
    remediation,
    validatedAt,
    confirmedAt: validatedAt,
    attributes: presentable(attributes, `validation_results row ${id}, column attributes`),
  }
  return { of: { id: controlId }, row }
}
