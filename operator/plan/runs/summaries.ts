import { isDeepStrictEqual } from 'node:util'
import { decodeRunSummary } from '../../../crds/run-summary.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { CachedPod } from '../../cache/projections.ts'

/** What the container of a pod left behind when it ended. */
export type PodSummary = { readonly pod: string; readonly summary: RunSummary }

/** The summary that the pod left; undefined unless it is about the run of this Job. */
export function summaryOf({ terminated }: CachedPod, jobUid: string): RunSummary | undefined {
  const summary = decodeRunSummary(terminated?.message ?? '')
  return summary?.runKey === jobUid ? summary : undefined
}

/** The summaries of pods that closed the run or found it closed, by the name of the pod. */
export function finalSummaries(pods: readonly CachedPod[], jobUid: string): PodSummary[] {
  return pods
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((pod) => ({ pod: pod.name, summary: summaryOf(pod, jobUid) }))
    .filter((found): found is PodSummary => found.summary?.final === true)
}

/** A run that is closed as successful is never opened again; one that is closed as failed may be. */
export function isSuccess({ summary }: PodSummary): boolean {
  return summary.final && summary.status === 'success'
}

/**
 * Two summaries that cannot both be true, or undefined. Every process of a run reads its totals from the one row that the
 * run has in the database: so all final summaries have its number, and all of a successful run are the same.
 */
export function contradiction(finals: readonly PodSummary[]): readonly [PodSummary, PodSummary] | undefined {
  const successes = finals.filter(isSuccess)
  return (
    firstOther(finals, ({ summary }) => summary.runId) ??
    firstOther(successes, ({ summary: { verdict, counts } }) => ({ verdict, counts }))
  )
}

/** The first of the list, and the first that differs from it in this. */
function firstOther(
  [first, ...others]: readonly PodSummary[],
  what: (said: PodSummary) => unknown,
): readonly [PodSummary, PodSummary] | undefined {
  if (first === undefined) return undefined
  const other = others.find((said) => !isDeepStrictEqual(what(said), what(first)))
  return other && [first, other]
}
