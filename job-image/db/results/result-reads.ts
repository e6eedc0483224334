import type { Client } from 'pg'
import { presentable } from '../../json-text.ts'
import type { Status } from '../../validation/model.ts'
import { listControlNames } from '../inputs/control-names.ts'
import type { ControlName } from '../inputs/control-names.ts'
import { STAY_ON_INDEXES, latestPageQuery, runPageQuery } from './result-queries.ts'
import { statusLabel } from './results.ts'
import { systemPage } from './result-systems.ts'
import type { SystemFilter, SystemName } from './result-systems.ts'

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
 * reader holds no transaction open; the rows of one system always belong together.
 */
export async function* readResults(
  client: Client,
  filter: ResultFilter,
  controls?: ReadonlyMap<number, ControlName>,
): AsyncGenerator<ResultRow[]> {
  await client.query(STAY_ON_INDEXES)
  let names = controls ?? (await listControlNames(client))
  const perSystem = Math.max(1, filter.controlIds?.length ?? names.size)
  const size = Math.min(MAX_PAGE_SYSTEMS, Math.max(1, Math.floor(PAGE_ROWS / perSystem)))
  let left = filter.limit ?? Infinity
  let after: string | undefined
  while (left > 0) {
    const systems = await systemPage(client, filter, after, size)
    after = systems.at(-1)?.name
    if (after === undefined) return
    const tuples = await pageTuples(client, systems, filter)
    // A catalog import may add controls while the results are read.
    if (tuples.some(([, control]) => !names.has(control))) names = await listControlNames(client)
    const rows = toRows(tuples, systems, names).slice(0, left)
    left -= rows.length
    if (rows.length > 0) yield rows
    if (systems.length < size) return
  }
}

type ResultTuple = [
  system: number,
  control: number,
  run: number | null,
  status: string,
  message: string | null,
  evidenceKeys: unknown,
  remediation: string | null,
  validatedAt: string,
  attributes: unknown,
  id: string,
  confirmedAt: string,
]

async function pageTuples(
  client: Client,
  systems: readonly SystemName[],
  { runId, controlIds, status }: ResultFilter,
): Promise<ResultTuple[]> {
  const ids = systems.map(({ id }) => id)
  const page = { controlIds, statusLabel: status === undefined ? undefined : statusLabel(status) }
  const { text, values } = runId === undefined ? latestPageQuery(ids, page) : runPageQuery(runId, ids, page)
  const { rows } = await client.query<ResultTuple>({ text, values: [...values], rowMode: 'array' })
  return rows
}

function toRows(
  tuples: readonly ResultTuple[],
  systems: readonly SystemName[],
  names: ReadonlyMap<number, ControlName>,
): ResultRow[] {
  const bySystem = Map.groupBy(tuples, ([system]) => system)
  const nameOf = (id: number): ControlName =>
    names.get(id) ?? {
      id,
      control: `(controls row ${id})`,
      catalog: '',
      framework: undefined,
      rank: names.size + id,
    }
  return systems.flatMap(({ id, name, environment }) =>
    (bySystem.get(id) ?? [])
      .map((tuple) => ({ tuple, named: nameOf(tuple[1]) }))
      .sort((a, b) => a.named.rank - b.named.rank)
      .map(({ tuple, named }) => toRow(tuple, { name, environment }, named)),
  )
}

function toRow(
  [, , runId, status, message, keys, remediation, validatedAt, attributes, id, confirmedAt]: ResultTuple,
  { name, environment }: Omit<SystemName, 'id'>,
  { control, catalog }: ControlName,
): ResultRow {
  return {
    runId,
    system: name,
    environment,
    control,
    catalog,
    status: status.toLowerCase() as Status,
    message,
    evidenceKeys: presentable(keys, `validation_results row ${id}, column evidence_keys`),
    remediation,
    validatedAt,
    confirmedAt,
    attributes: presentable(attributes, `validation_results row ${id}, column attributes`),
  }
}
