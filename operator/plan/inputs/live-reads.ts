import type { CachedCronJob, CachedJob, CachedPod, ReasonMessage } from '../../cache/projections.ts'

/*
 * Decisions are made from caches. These are the questions that a cache cannot answer, each because it may be behind, or
 * because nothing watches what is asked for. The plan names them, reconcile asks, and the plan is made again.
 */
export type LiveRead =
  /** The name is taken: by whom? */
  | { readonly kind: 'cronJob'; readonly name: string }
  /** A Job has ended, or is gone: how did its pods end? The watch shows those only that have not ended. */
  | { readonly kind: 'podsOfJob'; readonly uid: string; readonly name: string }
  /** The status knows an active Job that the cache does not: is it deleted, or is the cache older than the status? */
  | { readonly kind: 'job'; readonly uid: string; readonly name: string }
  /** A Job has no pod: quota, admission, …? Only its events say. */
  | { readonly kind: 'warningsOfJob'; readonly uid: string; readonly name: string }

/** A write that says again what the same process wrote before, because somebody else changed or deleted it. */
export type RepeatedWrite = {
  /** How often within a minute. */
  readonly times: number
  /** The field manager of the change; '' where the CronJob was deleted. */
  readonly fieldManager: string
}

export type Observed = {
  /** null: there is none of this name. */
  readonly cronJob: CachedCronJob | null | undefined
  readonly write: CronJobWrite | undefined
  /** Why the CronJob could not be suspended, or resumed. */
  readonly suspension: Refusal | undefined
  /** The write of this reconcile repeats an earlier one. */
  readonly repeated: RepeatedWrite | undefined
  /** By Job UID. */
  readonly pods: ReadonlyMap<string, readonly CachedPod[]>
  /** By the UID asked for; undefined: it is gone. */
  readonly jobs: ReadonlyMap<string, CachedJob | undefined>
  /** By Job UID, the newest first. */
  readonly warnings: ReadonlyMap<string, readonly ReasonMessage[]>
  /** Why the Job of the run request could not be made. */
  readonly run: Refusal | undefined
}

/** Without a time, it is tried again with growing pauses. */
export type Refusal = { readonly message: string; readonly recheckAt?: number }

/** What became of writing the CronJob in this reconcile. */
export type CronJobWrite =
  | { readonly kind: 'done' }
  /** A person must change the spec. */
  | { readonly kind: 'refused'; readonly message: string }
  /** A person must change something else: a role, a quota, a policy. */
  | { readonly kind: 'forbidden'; readonly message: string; readonly recheckAt: number }
  /** Nothing is known to be wrong, but it has not worked for a while; it is tried on. */
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

/** A quota, a policy or another Job in the way goes without a word to us. */
const RECHECK_MS = 60_000

/** The spec has been accepted, so whatever refused its Job may change its mind. */
export function withRefusedRun(known: Observed, write: CronJobWrite, now: number): Observed {
  return { ...known, run: refusalOf(write, now) }
}

/** Whatever refused the one field is not the spec. */
export function withRefusedSuspension(known: Observed, write: CronJobWrite, now: number): Observed {
  return { ...known, suspension: refusalOf(write, now) }
}

function refusalOf(write: CronJobWrite, now: number): Refusal {
  const message = 'message' in write ? write.message : 'the namespace is being deleted'
  return write.kind === 'failing' ? { message } : { message, recheckAt: now + RECHECK_MS }
}

/** Told, and tried again with growing pauses. */
export function needsBackoff({ write, run, suspension }: Observed): boolean {
  const refusals = [run, suspension].filter((refusal) => refusal !== undefined)
  return write?.kind === 'failing' || refusals.some(({ recheckAt }) => recheckAt === undefined)
}
