import { isoTimestamp } from '../../time.ts'
import type { Client } from 'pg'
import { InterruptedError } from '../../errors.ts'
import { plural } from '../../plural.ts'
import { inTransaction } from '../session/client.ts'
import { UTC_NOW, addAttributes } from '../runs/job-runs.ts'
import { planSystem } from './prune-plan.ts'
import type { HistoryRow, SystemPlan } from './prune-plan.ts'
import * as queries from './prune-queries.ts'
import type { Doomed } from './prune-queries.ts'
import { STAY_ON_INDEXES } from '../session/stay-on-indexes.ts'
import type { Query } from './prune-queries.ts'

export type PruneOptions = {
  /** PostgreSQL's interval: `18 months`. The database subtracts it, so that months are those of the calendar. */
  readonly olderThan: string
  readonly dryRun?: boolean
  /** Results per transaction, about. */
  readonly batchSize?: number
  /** Aborted: stop after the batch at hand. */
  readonly signal?: AbortSignal
  readonly onProgress?: (report: PruneReport) => void
}

export type PruneReport = {
  /** Runs that ended before this are pruned, ISO-8601. */
  readonly cutoff: string
  readonly dryRun: boolean
  /** Runs that lost something. None is deleted. */
  readonly runs: number
  readonly results: number
  /** Rows of `run_records`. */
  readonly systemRows: number
  readonly batches: number
}

/** A batch takes about 0.1 s: its locks do not block others, and an interruption loses little work. */
export const DEFAULT_PRUNE_BATCH = 10_000
/** Systems whose history is in memory at once; each has a short row per run. */
const PAGE_SYSTEMS = 100

/**
 * Deletes the results of runs that ended longer ago than `olderThan`, in short transactions. Kept regardless of age: the
 * sources of the latest results, the newest row of each system and control, rows that a kept run refers to, rows of other
 * programs, and every `job_runs` row with its attempts. Safe while runs are running.
 */
export async function pruneResults(client: Client, options: PruneOptions): Promise<PruneReport> {
  const { cutoff, now } = await limitOf(client, options.olderThan)
  await client.query(STAY_ON_INDEXES)
  try {
    return await new Prune(client, cutoff, now, options).run()
  } finally {
    await client.query('RESET enable_seqscan; RESET enable_mergejoin').catch(() => {})
  }
}

async function limitOf(client: Client, olderThan: string): Promise<{ cutoff: string; now: string }> {
  const { rows } = await client.query<{ cutoff: string; now: string }>(
    `SELECT (t.now - $1::interval)::text AS cutoff, t.now::text AS now FROM (SELECT ${UTC_NOW} AS now) t`,
    [olderThan],
  )
  return rows[0] as { cutoff: string; now: string }
}

type Answer = { readonly runId: number; readonly systemId: number; readonly newer: number }
type Row = { readonly runId: number; readonly systemId: number }
type Gone = { readonly runId: number; readonly results?: number; readonly systems?: number }

class Prune {
  readonly #client: Client
  readonly #cutoff: string
  readonly #now: string
  readonly #options: PruneOptions
  readonly #runs = new Set<number>()
  #answers: Answer[] = []
  #references: Row[] = []
  #weight = 0
  #results = 0
  #systemRows = 0
  #batches = 0

  constructor(client: Client, cutoff: string, now: string, options: PruneOptions) {
    this.#client = client
    this.#cutoff = cutoff
    this.#now = now
    this.#options = options
  }

  async run(): Promise<PruneReport> {
    for (let after = 0; ;) {
      const systems = await this.#rows<{ system_id: number }>(queries.systemIdsQuery(after, PAGE_SYSTEMS))
      const last = systems.at(-1)?.system_id
      if (last === undefined) break
      after = last
      await this.#prunePage(systems.map(({ system_id: id }) => id))
    }
    await this.#flush()
    return this.#report()
  }

  async #prunePage(systemIds: readonly number[]): Promise<void> {
    type History = HistoryRow & { readonly systemId: number }
    const history = await this.#rows<History>(queries.historyQuery(this.#cutoff, systemIds))
    for (const [systemId, rows] of Map.groupBy(history, (row) => row.systemId)) {
      await this.#add(systemId, planSystem(rows))
    }
  }

  /** References first: results that something refers to are not deleted. Then from the oldest run on. */
  async #add(systemId: number, { origins, references }: SystemPlan): Promise<void> {
    for (const runId of references) {
      this.#references.push({ runId, systemId })
      await this.#grow(1)
    }
    for (const { runId, results, newer } of origins) {
      this.#answers.push({ runId, systemId, newer })
      await this.#grow(results + 1)
    }
  }

  async #grow(weight: number): Promise<void> {
    this.#weight += weight
    if (this.#weight >= (this.#options.batchSize ?? DEFAULT_PRUNE_BATCH)) await this.#flush()
  }

  async #flush(): Promise<void> {
    const answers = this.#answers
    const references = this.#references
    if (answers.length + references.length === 0) return
    if (this.#options.signal?.aborted === true) {
      throw new InterruptedError(
        `stopped after ${plural(this.#results, 'result')} of ${plural(this.#runs.size, 'run')}; the rest is still there: run it again`,
      )
    }
    this.#answers = []
    this.#references = []
    this.#weight = 0
    if (this.#options.dryRun === true) await this.#countBatch(answers, references)
    else await inTransaction(this.#client, () => this.#deleteBatch(answers, references))
    this.#batches += 1
    this.#options.onProgress?.(this.#report())
  }

  async #countBatch(answers: readonly Answer[], references: readonly Row[]): Promise<void> {
    this.#note(references.map(({ runId }) => ({ runId, systems: 1 })))
    this.#note(await this.#rows<Gone>(queries.countQuery(columnsOf(answers))))
  }

  async #deleteBatch(answers: readonly Answer[], references: readonly Row[]): Promise<void> {
    const runs = [...new Set([...answers, ...references].map(({ runId }) => runId))]
    const locked = await this.#rows<{ id: number }>(queries.lockRunsQuery(this.#cutoff, runs))
    const prunable = new Set(locked.map(({ id }) => id))
    const isPrunable = ({ runId }: Row): boolean => prunable.has(runId)
    const gone = await this.#deleteRows(answers.filter(isPrunable), references.filter(isPrunable))
    this.#note(gone)
    // A pruned run stays in the list, with its counts, and says when its details went.
    const marked = gone.map(({ runId }) => runId)
    await addAttributes(this.#client, marked, { pruned_at: isoTimestamp(this.#now) })
  }

  /** Deletes in this order: references to results, the results, their history rows, then details. */
  async #deleteRows(answers: readonly Answer[], references: readonly Row[]): Promise<Gone[]> {
    const withoutReferences = await this.#rows<Gone>(queries.deleteReferencesQuery(columnsOf(references)))
    const held = columnsOf(await this.#rows<Answer>(queries.lockAnswersQuery(columnsOf(answers))))
    // A statement of its own: it sees what was committed while the locks were waited for.
    const results = await this.#rows<Gone>(queries.deleteResultsQuery(held))
    const rows = await this.#rows<Gone>(queries.deleteAnswersQuery(held))
    await this.#rows(queries.deleteDetailsQuery(columnsOf([...references, ...answers])))
    return [...withoutReferences, ...results, ...rows]
  }

  #note(gone: readonly Gone[]): void {
    for (const { runId, results = 0, systems = 0 } of gone) {
      if (results + systems > 0) this.#runs.add(runId)
      this.#results += results
      this.#systemRows += systems
    }
  }

  #report(): PruneReport {
    return {
      cutoff: isoTimestamp(this.#cutoff),
      dryRun: this.#options.dryRun === true,
      runs: this.#runs.size,
      results: this.#results,
      systemRows: this.#systemRows,
      batches: this.#batches,
    }
  }

  async #rows<T extends object>({ text, values }: Query): Promise<T[]> {
    const { rows } = await this.#client.query<T>({ text, values: [...values] })
    return rows
  }
}

function columnsOf(rows: readonly (Row & { readonly newer?: number })[]): Doomed {
  return {
    runIds: rows.map(({ runId }) => runId),
    systemIds: rows.map(({ systemId }) => systemId),
    newer: rows.map(({ newer }) => newer ?? 0),
  }
}
