import type { Verdict } from '../../crds/run-summary.ts'
import { TRIGGERS } from './sink.ts'
import type { Trigger } from './sink.ts'

/** From good to bad. What could not be checked weighs more than what was found: it is never shown as passed. */
const RANK: Record<Verdict, number> = { Passed: 0, Findings: 1, Incomplete: 2, Errored: 3 }

/**
 * What is true of a run that ended with `verdict`, the most telling first. `previous` is the verdict of the newest
 * comparable run before it; without one nothing is worse or recovered.
 *
 * errored: the run broke. findings: it came to its end, and not everything passed (as `--fail-on findings`).
 * worse, recovered: the verdict is worse, or better, than last time. always: every run.
 */
export function triggersOf(verdict: Verdict, previous: Verdict | undefined): Trigger[] {
  const change = previous === undefined ? 0 : RANK[verdict] - RANK[previous]
  const holds: Record<Trigger, boolean> = {
    errored: verdict === 'Errored',
    worse: change > 0,
    recovered: change < 0,
    findings: verdict === 'Findings' || verdict === 'Incomplete',
    always: true,
  }
  return TRIGGERS.filter((trigger) => holds[trigger])
}
