/** Time and timers; tests replace them by a clock that they advance by hand. */
export type Clock = {
  /** Monotonic milliseconds, for delays, leases and liveness. */
  now(): number
  /** The time of day, for what is written into objects. */
  date(): Date
  /** Runs `run` once after the delay; the returned function cancels it. */
  after(milliseconds: number, run: () => void): () => void
}

/**
 * setTimeout fires at once for delays above 2^31 − 1 ms. A longer delay is cut to this, and the caller checks the
 * time again.
 */
const MAX_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(milliseconds, run) {
    const timer = setTimeout(run, Math.min(Math.max(milliseconds, 0), MAX_TIMER_MS))
    return () => clearTimeout(timer)
  },
}

/** Resolves after the delay, or as soon as the signal is aborted; the caller checks the signal. */
export function sleep(milliseconds: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
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
