import type { FinishedRun, RecentRun, ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { compactRun, mergeRuns } from './recent-runs.ts'
import { newest } from '../../values/time.ts'

type History = Pick<
  ValidationScheduleStatus,
  'lastRun' | 'lastCompletedTime' | 'lastPassedTime' | 'recentRuns'
>

/**
 * Adds the ended runs to the history. A run that is in it already replaces its entry; other older runs keep no
 * messages.
 */
export function historyOf(before: ValidationScheduleStatus, finished: readonly FinishedRun[]): History {
  const revised = new Set(finished.map(({ jobUID }) => jobUID))
  const isKept = ({ jobUID }: Pick<RecentRun, 'jobUID'>): boolean => !revised.has(jobUID)
  const kept = (before.recentRuns ?? []).filter(isKept)
  const lastRun = before.lastRun !== undefined && isKept(before.lastRun) ? before.lastRun : undefined
  const knownRuns = lastRun === undefined ? finished : [lastRun, ...finished]
  const recentRuns = mergeRuns(kept, knownRuns.map(compactRun))
  const latest = (time: string | undefined, verdicts: readonly string[]): string | undefined => {
    const ends = (runs: readonly RecentRun[]) =>
      runs.filter(({ verdict }) => verdicts.includes(verdict)).map(({ completionTime }) => completionTime)
    const isWithdrawn = ends((before.recentRuns ?? []).filter((run) => !isKept(run))).some(
      (end) => end === time,
    )
    return newest(isWithdrawn ? undefined : time, ...ends(kept), ...ends(finished.map(compactRun)))
  }
  return {
    lastRun: knownRuns.find(({ jobUID }) => jobUID === recentRuns[0]?.jobUID) ?? lastRun,
    lastCompletedTime: latest(before.lastCompletedTime, ['Passed', 'Findings']),
    lastPassedTime: latest(before.lastPassedTime, ['Passed']),
    recentRuns: recentRuns.length === 0 ? undefined : recentRuns,
  }
}

/** The ended runs of the status by the UID of their Job. */
export function reportedRuns({
  recentRuns = [],
  lastRun,
}: ValidationScheduleStatus): ReadonlyMap<string, RecentRun> {
  const runs = lastRun === undefined ? recentRuns : [...recentRuns, compactRun(lastRun)]
  return new Map(runs.map((run) => [run.jobUID, run]))
}
