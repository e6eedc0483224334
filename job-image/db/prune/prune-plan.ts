/** One row of a system's history: what a run said about it. */
export type HistoryRow = {
  readonly runId: number
  /** False: the run could not evaluate the system. */
  readonly done: boolean
  /** The run whose rows hold the answer. */
  readonly resultsRunId: number | null
  /** The controls that the run decided, as `job_runs.control_scope`: null are all. */
  readonly scope: string | null
  /** The run ended before the limit. */
  readonly old: boolean
  /** Results that the answer had when it was written. */
  readonly results: number
}

export type SystemPlan = {
  /**
   * Runs whose own results for this system may go. `newer` is the run in whose results most of the same controls are
   * found again, 0 where none is sure.
   */
  readonly origins: readonly { readonly runId: number; readonly results: number; readonly newer: number }[]
  /** Runs without own results for it (an error, reused results): only the history row is deleted. */
  readonly references: readonly number[]
}

/**
 * The parts of one system's history (ascending by run) that are no longer needed. Kept are: every run that is not old, the
 * newest row, the sources of the latest results, and all results that a kept row refers to.
 */
export function planSystem(history: readonly HistoryRow[]): SystemPlan {
  const sources = sourcesOf(history)
  const newestRow = history.at(-1)
  const isKept = (row: HistoryRow): boolean => !row.old || sources.includes(row) || row === newestRow
  const referred = new Set(history.filter(isKept).map(({ resultsRunId }) => resultsRunId))
  const dropped = history.filter((row) => !isKept(row))
  return {
    origins: dropped
      .filter(({ runId, resultsRunId }) => resultsRunId === runId && !referred.has(runId))
      .map(({ runId, results, scope }) => ({ runId, results, newer: newerThan(runId, scope, sources) })),
    references: dropped.filter(({ runId, resultsRunId }) => resultsRunId !== runId).map(({ runId }) => runId),
  }
}

/** The newest answer to all controls, and the newest to each other set of controls after that (`latestPageQuery`). */
function sourcesOf(history: readonly HistoryRow[]): HistoryRow[] {
  const done = history.filter(({ done }) => done)
  const base = done.findLastIndex(({ scope }) => scope === null)
  return [...new Map(done.slice(Math.max(base, 0)).map((row) => [row.scope, row])).values()]
}

/** The run that superseded a run: one with results of all controls, else the next one of the same controls. */
function newerThan(runId: number, scope: string | null, sources: readonly HistoryRow[]): number {
  const candidates = [null, scope].map((each) => sources.find((source) => source.scope === each))
  const results = candidates.map((source) => source?.resultsRunId ?? 0)
  return results.find((each) => each > runId) ?? 0
}
