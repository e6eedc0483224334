import type { Work } from '../queue/queue.ts'
import type { Consequence } from './on-write-error.ts'

/** One reconcile of one key. */
export type ReconcileRequest = Work & { readonly key: string }

/** What to do with the key when the reconcile is over. */
export type ReconcileResult =
  | { readonly kind: 'done'; readonly requeueAt?: number | undefined }
  /** Only a status without news of runs is left to be written, and other schedules wait. */
  | { readonly kind: 'postponed' }
  | Extract<Consequence, { kind: 'stale' | 'backOff' | 'drop' }>

/** `gone`: the API server has no such schedule, though the cache does. */
export type StopReason = ReconcileResult | { readonly kind: 'gone' }

/** Thrown out of a step to end the reconcile so. */
export class StopReconcile extends Error {
  readonly result: StopReason
  constructor(result: StopReason) {
    super(result.kind)
    this.result = result
  }
}

/** A write, and what became of it: some failures are answers. */
export async function tryWrite<T>(
  write: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await write() }
  } catch (error) {
    return { error }
  }
}
