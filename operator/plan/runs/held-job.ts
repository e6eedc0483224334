import { ENDED_BY } from '../../../common/exit-codes.ts'
import type { CachedPod } from '../../cache/projections.ts'
import { finalSummaries, isSuccess } from './summaries.ts'
import { instant, utc } from '../../values/time.ts'

/*
 * A Job ends when all containers of its pods have ended. A sidecar that keeps running can hold up the Job of a run
 * that ended long ago, until the deadline deletes the pod and its termination message.
 */

/**
 * Milliseconds that the Job may take to end after its run, so that the end of a run usually costs one status write.
 */
const JOB_END_MS = 10_000

/**
 * When the last container of the run ended, in milliseconds since the epoch, at most `now`; undefined while one of
 * them runs or none is known.
 */
export function runEndedAt(pods: readonly CachedPod[], now: number): number | undefined {
  if (pods.length === 0 || pods.some(({ terminated }) => terminated === undefined)) return undefined
  const ends = pods.map(({ terminated, createdAt }) => utc(terminated?.finishedAt ?? createdAt))
  return Math.min(now, Math.max(...ends.map((end) => (end === undefined ? now : instant(end)))))
}

/**
 * When to report the end of a run whose Job has not ended by then; undefined while its Job is about to end or its run
 * continues. A pod that is being deleted is reported at once, unless the deletion may have ended its run.
 */
export function reportRunEndAt(jobUid: string, pods: readonly CachedPod[], now: number): number | undefined {
  const endedAt = runEndedAt(pods, now)
  if (endedAt === undefined || pods.every(({ stillRunning }) => stillRunning.length === 0)) return undefined
  if (!pods.some(({ deleting }) => deleting)) return endedAt + JOB_END_MS
  const hasSucceeded = finalSummaries(pods, jobUid).some(isSuccess)
  return hasSucceeded || !pods.some(wasStopped) ? now : undefined
}

/**
 * Exit codes of SIGTERM and SIGKILL, with which the containers of a deleted pod end, including those that never ran.
 */
const STOPPED: ReadonlySet<number> = new Set([ENDED_BY.SIGTERM, ENDED_BY.SIGKILL])

function wasStopped({ terminated }: CachedPod): boolean {
  return terminated !== undefined && STOPPED.has(terminated.exitCode)
}
