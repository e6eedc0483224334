import { describe, expect, it } from 'vitest'
import { planSystem } from '../../../../job-image/db/prune/prune-plan.ts'
import type { HistoryRow } from '../../../../job-image/db/prune/prune-plan.ts'

/** An old run of all controls that decided the system itself; it has ten results. */
function row(runId: number, changes: Partial<HistoryRow> = {}): HistoryRow {
  return { runId, done: true, resultsRunId: runId, scope: null, old: true, results: 10, ...changes }
}
const error = (runId: number): HistoryRow => row(runId, { done: false, resultsRunId: null, results: 0 })

describe('the plan for the history of a system', () => {
  it('removes the results of old runs that a newer one decided again, with that run', () => {
    expect(planSystem([row(1), row(2, { results: 7 }), row(3, { old: false })])).toEqual({
      origins: [
        { runId: 1, results: 10, newer: 3 },
        { runId: 2, results: 7, newer: 3 },
      ],
      references: [],
    })
  })

  it('keeps the newest row and the latest results, however old they are', () => {
    expect(planSystem([row(1)])).toEqual({ origins: [], references: [] })
    expect(planSystem([row(1), error(2), error(3)])).toEqual({ origins: [], references: [2] })
  })

  it('keeps results that a kept run reuses', () => {
    expect(planSystem([row(1), row(2, { resultsRunId: 1, old: false })])).toEqual({
      origins: [],
      references: [],
    })
  })

  it('removes a row that only reuses results, and names the run that holds the results as the newer one', () => {
    const history = [row(1), row(2), row(3, { resultsRunId: 2 }), row(4, { resultsRunId: 2, old: false })]
    expect(planSystem(history)).toEqual({
      origins: [{ runId: 1, results: 10, newer: 2 }],
      references: [3],
    })
  })

  it('keeps the newest answer to each set of controls after the newest answer to all of them', () => {
    const history = [
      row(1, { scope: 'a' }),
      row(2),
      row(3, { scope: 'a' }),
      row(4, { scope: 'b' }),
      row(5, { scope: 'a' }),
      row(6, { scope: 'b', old: false }),
    ]
    expect(planSystem(history)).toEqual({
      origins: [
        { runId: 1, results: 10, newer: 2 },
        { runId: 3, results: 10, newer: 5 },
        { runId: 4, results: 10, newer: 6 },
      ],
      references: [],
    })
  })

  it('names no newer run where none of the same controls is kept', () => {
    const history = [row(1, { scope: 'a' }), row(2, { done: false, scope: 'a' }), row(3, { done: false })]
    expect(planSystem(history)).toEqual({
      origins: [{ runId: 2, results: 10, newer: 0 }],
      references: [],
    })
  })

  it('is empty for a system without a history', () => {
    expect(planSystem([])).toEqual({ origins: [], references: [] })
  })
})
