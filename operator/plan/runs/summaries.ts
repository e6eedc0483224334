import { isDeepStrictEqual } from 'node:util'
import { decodeRunSummary } from '../../../crds/run-summary.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { CachedPod } from '../../cache/projections.ts'

/** The summary that the container of a pod left when it ended. */
export type PodSummary = { readonly pod: string; readonly summary: RunSummary }

/** Returns the pod's summary; undefined unless it is about the run of this Job. */
export function summaryOf({ terminated }: CachedPod, jobUid: string): RunSummary | undefined {
  const summary = decodeRunSummary(terminated?.message ?? '')
  return summary?.runKey === jobUid ? summary : undefined
}

/** The summaries of pods that closed the run or found it closed, by pod name. */
export function finalSummaries(pods: readonly CachedPod[], jobUid: string): PodSummary[] {
  return pods
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((pod) => ({ pod: pod.name, summary: summaryOf(pod, jobUid) }))
    .filter((found): found is PodSummary => found.summary?.final === true)
}

/** True for a successful run, which is never reopened; a failed one may be. */
export function isSuccess({ summary }: PodSummary): boolean {
  return summary.final && summary.status === 'success'
}

/**
 * Returns two summaries that cannot both be true, or undefined. All processes of a run read their totals from one
 * database row, so all final summaries have its number, and all of a successful run are equal.
 */
export function contradiction(finals: readonly PodSummary[]): readonly [PodSummary, PodSummary] | undefined {
  const successes = finals.filter(isSuccess)
  return (
    firstOther(finals, ({ summary }) => summary.runId) ??
    firstOther(successes, ({ summary: { verdict, counts } }) => ({ verdict, counts }))
  )
}

/** Returns the first summary and the first other one that differs from it in `what`. */
function firstOther(
  [first, ...others]: readonly PodSummary[],
  what: (said: PodSummary) => unknown,
): readonly [PodSummary, PodSummary] | undefined {
  if (first === undefined) return undefined
  const other = others.find((said) => !isDeepStrictEqual(what(said), what(first)))
  return other && [first, other]
}
