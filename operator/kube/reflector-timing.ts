import type { Backoff } from '../../common/backoff.ts'

/** When a reflector gives up a connection, and how long it waits before the next. Milliseconds. */
export type ReflectorTiming = {
  /** Bookmarks come every 60 s even when nothing happens: after half as much again the connection is dead. */
  readonly silence: number
  /** A connection that lived this long was no failure, however it ended. */
  readonly steady: number
  readonly backoff: Required<Backoff>
  /** Connections live 5 to 10 minutes, so that they spread anew over the API servers after one was away. */
  readonly lifetime: { readonly shortest: number; readonly longest: number }
}

export const DEFAULT_TIMING: ReflectorTiming = {
  silence: 90_000,
  steady: 10_000,
  backoff: { first: 800, longest: 30_000 },
  lifetime: { shortest: 300_000, longest: 600_000 },
}
