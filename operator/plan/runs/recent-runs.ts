import { defined } from '../../../common/defined.ts'
import { shortDigest } from '../../../crds/run-summary.ts'
import { MAX_RECENT_RUNS } from '../../../crds/validation-schedule.ts'
import type { FinishedRun, RecentRun } from '../../../crds/validation-schedule.ts'

type Ended = Pick<RecentRun, 'jobUID' | 'startTime' | 'completionTime'>

/**
 * Merges two histories: newest first, each run once, at most ten; reported entries stay as they are. A run that ended
 * before all ten reported ones is omitted, so that Jobs that are kept longer do not return. Times are whole seconds:
 * of two runs within one second, the unreported one counts as later.
 */
export function mergeRuns<Reported extends Ended, New extends Ended>(
  reported: readonly Reported[],
  fresh: readonly New[],
): (Reported | New)[] {
  const known = new Set(reported.map(({ jobUID }) => jobUID))
  const unreported = fresh.filter(({ jobUID }) => !known.has(jobUID)).toSorted(byUid)
  return [...unreported, ...reported].toSorted(newestFirst).slice(0, MAX_RECENT_RUNS)
}

/** A finished run without its message. */
export function compactRun(run: FinishedRun): RecentRun {
  const { jobUID, job, trigger, scheduledTime, runId, startTime, completionTime, verdict, reason } = run
  return defined({
    jobUID,
    job,
    trigger,
    scheduledTime,
    runId,
    startTime,
    completionTime,
    verdict,
    reason,
    late: run.late ? true : undefined,
    pass: run.counts?.pass,
    notPass: run.counts?.notPass,
    scope: run.scope && shortDigest(run.scope.digest),
  })
}

function newestFirst(a: Ended, b: Ended): number {
  return (
    b.completionTime.localeCompare(a.completionTime) || (b.startTime ?? '').localeCompare(a.startTime ?? '')
  )
}

function byUid(a: Ended, b: Ended): number {
  return b.jobUID.localeCompare(a.jobUID)
}
