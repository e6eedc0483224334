import type { Work } from '../queue/queue.ts'
import type { Consequence } from './on-write-error.ts'

/** The request to reconcile one key. */
export type ReconcileRequest = Work & { readonly key: string }

/** What happens to the key after the reconcile. */
export type ReconcileResult =
  | { readonly kind: 'done'; readonly requeueAt?: number | undefined }
  /** Only a status that does not concern runs is left to write, and other schedules wait. */
  | { readonly kind: 'postponed' }
  | Extract<Consequence, { kind: 'stale' | 'backOff' | 'drop' }>

/** Why a reconcile stops early. `gone`: the API server has no such schedule, although the cache has it. */
export type StopReason = ReconcileResult | { readonly kind: 'gone' }

/** Thrown by a step to end the reconcile with this result. */
export class StopReconcile extends Error {
  readonly result: StopReason
  constructor(result: StopReason) {
    super(result.kind)
    this.result = result
  }
}

/** Runs a write and returns its value or its error, because some errors decide how the reconcile proceeds. */
export async function tryWrite<T>(
  write: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await write() }
  } catch (error) {
    return { error }
  }
}
