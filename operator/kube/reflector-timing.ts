import type { Backoff } from '../../common/backoff.ts'

/** Timeouts and backoff of a reflector, in milliseconds. */
export type ReflectorTiming = {
  /** Timeout without a byte: bookmarks arrive every 60 s even when nothing happens. */
  readonly silence: number
  /** A connection that lived this long does not count as failed, however it ended. */
  readonly steady: number
  readonly backoff: Required<Backoff>
  /** Lifetime of a connection, 5 to 10 minutes: connections spread over the API servers again after one was down. */
  readonly lifetime: { readonly shortest: number; readonly longest: number }
}

export const DEFAULT_TIMING: ReflectorTiming = {
  silence: 90_000,
  steady: 10_000,
  backoff: { first: 800, longest: 30_000 },
  lifetime: { shortest: 300_000, longest: 600_000 },
}
