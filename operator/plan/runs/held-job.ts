import type { CachedPod } from '../../cache/projections.ts'
import { finalSummaries, isSuccess } from './summaries.ts'
import { instant, utc } from '../../values/time.ts'

/*
 * A Job ends when its pods have ended, and a pod when all its containers have. A sidecar that goes on can so hold up the
 * Job of a run that ended long ago, until its deadline deletes the pod and what the run said with it.
 */

/** So long the Job may take to end after its run: where nothing holds it up, the end of a run costs one write of the status. */
const JOB_END_MS = 10_000

/**
 * When the last container of the run ended, in milliseconds since the epoch and not after `now`, whatever the clock of its
 * node says; undefined while one of them goes on, and where none is known.
 */
export function runEndedAt(pods: readonly CachedPod[], now: number): number | undefined {
  if (pods.length === 0 || pods.some(({ terminated }) => terminated === undefined)) return undefined
  const ends = pods.map(({ terminated, createdAt }) => utc(terminated?.finishedAt ?? createdAt))
  return Math.min(now, Math.max(...ends.map((end) => (end === undefined ? now : instant(end)))))
}

/**
 * When to tell how the run of a Job ended, if its Job has not ended by then; undefined where its Job is about to end, or its
 * run goes on. A pod that is being deleted is not waited for, unless the deletion may be what ended its run.
 */
export function reportRunEndAt(jobUid: string, pods: readonly CachedPod[], now: number): number | undefined {
  const endedAt = runEndedAt(pods, now)
  if (endedAt === undefined || pods.every(({ stillRunning }) => stillRunning.length === 0)) return undefined
  if (!pods.some(({ deleting }) => deleting)) return endedAt + JOB_END_MS
  const hasSucceeded = finalSummaries(pods, jobUid).some(isSuccess)
  return hasSucceeded || !pods.some(wasStopped) ? now : undefined
}

/** SIGTERM and SIGKILL: how the containers of a pod end that is deleted, those that never ran included. */
const STOPPED = new Set([143, 137])

function wasStopped({ terminated }: CachedPod): boolean {
  return terminated !== undefined && STOPPED.has(terminated.exitCode)
}
