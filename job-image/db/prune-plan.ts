/** One row of a system's history: what a run said about it. */
export type HistoryRow = {
  readonly runId: number
  readonly state: 'pending' | 'done' | 'error'
  /** The run whose rows hold the answer. */
  readonly resultsRunId: number | null
  /** The run ended before the limit. */
  readonly old: boolean
  /** Results that the answer had when it was written. */
  readonly results: number
}

export type SystemPlan = {
  /** Runs whose own results for this system may go. */
  readonly origins: readonly { readonly runId: number; readonly results: number }[]
  /** Runs that hold no results of their own for it (an error, an answer taken over): only the history row goes. */
  readonly references: readonly number[]
  /** The run whose rows are the system's newest answer. */
  readonly newest: number | undefined
}

/**
 * What of one system's history (ascending by run) is not needed any more. Kept are: every run that is not old, the
 * newest answer, the newest row whatever it says, and all results that a kept row refers to.
 */
export function planSystem(history: readonly HistoryRow[]): SystemPlan {
  const newestAnswer = history.findLast(({ state }) => state === 'done')
  const newestRow = history.at(-1)
  const isKept = (row: HistoryRow): boolean => !row.old || row === newestAnswer || row === newestRow
  const referred = new Set(history.filter(isKept).map(({ resultsRunId }) => resultsRunId))
  const dropped = history.filter((row) => !isKept(row))
  return {
    origins: dropped.filter(({ runId, resultsRunId }) => resultsRunId === runId && !referred.has(runId)),
    references: dropped.filter(({ runId, resultsRunId }) => resultsRunId !== runId).map(({ runId }) => runId),
    newest: newestAnswer?.resultsRunId ?? undefined,
  }
}
