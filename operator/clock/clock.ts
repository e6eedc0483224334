/** Time as the operator sees it; tests put in one that they move by hand. */
export type Clock = {
  /** Milliseconds that only go forward: what waiting, leases and liveness are measured by. */
  now(): number
  /** The time of day: what is written into objects. */
  date(): Date
  /** Runs it once after that time; the returned function cancels. */
  after(milliseconds: number, run: () => void): () => void
}

/** setTimeout fires at once for anything longer than 2^31 − 1 ms. Who waits for a slot in a year is woken early and looks again. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(milliseconds, run) {
    const timer = setTimeout(run, Math.min(Math.max(milliseconds, 0), MAX_TIMER_MS))
    return () => clearTimeout(timer)
  },
}

/** Resolves after that time, or at once when the signal aborts: the caller looks at the signal anyway. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const wake = (): void => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(milliseconds, wake)
    signal?.addEventListener('abort', wake, { once: true })
  })
}
