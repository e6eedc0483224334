import type { RunCounts } from '../../crds/run-summary.ts'

/** The summary of a small run in which everything passed. */
export const ALL_PASS: RunCounts = {
  systems: 3,
  controls: 4,
  results: 12,
  pass: 12,
  notPass: 0,
  fail: 0,
  insufficientEvidence: 0,
  unknown: 0,
  errors: 0,
}
