import type { CachedCronJob, CachedJob, CachedPod, ReasonMessage } from '../../cache/projections.ts'

/*
 * Decisions are made from caches. Live reads answer the questions that a cache cannot, because it may be behind or
 * nothing is watched. The plan requests them, the reconciler makes them, and the plan is made again.
 */
export type LiveRead =
  /** The name is taken: who owns the object? */
  | { readonly kind: 'cronJob'; readonly name: string }
  /** A Job has ended or is gone: how did its pods end? Only pods that have not ended are cached. */
  | { readonly kind: 'podsOfJob'; readonly uid: string; readonly name: string }
  /**
   * The status has an active Job that the cache does not have: was it deleted, or is the cache older than the status?
   */
  | { readonly kind: 'job'; readonly uid: string; readonly name: string }
  /** A Job has no pod: only its events give the reason (quota, admission, …). */
  | { readonly kind: 'warningsOfJob'; readonly uid: string; readonly name: string }

/** A write that repeats an earlier one of the same process, because another writer changed or deleted the CronJob. */
export type RepeatedWrite = {
  /** Number of repeats within a minute. */
  readonly times: number
  /** The field manager of the change; '' if the CronJob was deleted. */
  readonly fieldManager: string
}

export type Observed = {
  /** null if no object has this name. */
  readonly cronJob: CachedCronJob | null | undefined
  readonly write: CronJobWrite | undefined
  /** Why the CronJob could not be suspended or resumed. */
  readonly suspension: Refusal | undefined
  /** Set if the write of this reconcile repeats an earlier one. */
  readonly repeated: RepeatedWrite | undefined
  /** Pods by Job UID. */
  readonly pods: ReadonlyMap<string, readonly CachedPod[]>
  /** Jobs by requested UID; undefined if the Job is gone. */
  readonly jobs: ReadonlyMap<string, CachedJob | undefined>
  /** Warnings by Job UID, newest first. */
  readonly warnings: ReadonlyMap<string, readonly ReasonMessage[]>
  /** Why the Job of the run request could not be created. */
  readonly run: Refusal | undefined
}

/** A refused write; without `recheckAt` it is retried with exponential backoff. */
export type Refusal = { readonly message: string; readonly recheckAt?: number }

/** The outcome of writing the CronJob in this reconcile. */
export type CronJobWrite =
  | { readonly kind: 'done' }
  /** A user must change the spec. */
  | { readonly kind: 'refused'; readonly message: string }
  /** A user must change something else: a role, a quota, a policy. */
  | { readonly kind: 'forbidden'; readonly message: string; readonly recheckAt: number }
  /** Writes have failed for a while for no known reason; they are retried. */
  | { readonly kind: 'failing'; readonly message: string }
  | { readonly kind: 'namespaceTerminating' }

export const NOTHING_OBSERVED: Observed = {
  cronJob: undefined,
  write: undefined,
  suspension: undefined,
  repeated: undefined,
  pods: new Map(),
  jobs: new Map(),
  warnings: new Map(),
  run: undefined,
}

/** No watch event reports a change of a quota, a policy or a conflicting Job. */
const RECHECK_MS = 60_000

/** Records a refused Job. The spec was accepted, so the refusal may end without a change of it. */
export function withRefusedRun(known: Observed, write: CronJobWrite, now: number): Observed {
  return { ...known, run: refusalOf(write, now) }
}

/** Records a refused change of `suspend`, which is not a problem of the spec. */
export function withRefusedSuspension(known: Observed, write: CronJobWrite, now: number): Observed {
  return { ...known, suspension: refusalOf(write, now) }
}

function refusalOf(write: CronJobWrite, now: number): Refusal {
  const message = 'message' in write ? write.message : 'the namespace is being deleted'
  return write.kind === 'failing' ? { message } : { message, recheckAt: now + RECHECK_MS }
}

/** True if a failure was reported and is retried with exponential backoff. */
export function needsBackoff({ write, run, suspension }: Observed): boolean {
  const refusals = [run, suspension].filter((refusal) => refusal !== undefined)
  return write?.kind === 'failing' || refusals.some(({ recheckAt }) => recheckAt === undefined)
}
