import type { Verdict } from '../../crds/run-summary.ts'
import { TRIGGERS } from './sink.ts'
import type { Trigger } from './sink.ts'

/** Verdicts from good to bad. An incomplete evaluation ranks below findings: it must never look like a pass. */
const RANK: Record<Verdict, number> = { Passed: 0, Findings: 1, Incomplete: 2, Errored: 3 }

/**
 * The triggers that hold for a run that ended with `verdict`, the most specific first. `previous` is the verdict of the
 * newest comparable run before it; without one, neither `worse` nor `recovered` holds.
 *
 * errored: the run broke. findings: the run completed, and not everything passed (as `--fail-on findings`).
 * worse, recovered: the verdict is worse, or better, than the previous one. always: every run.
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
