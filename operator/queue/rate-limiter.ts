import type { Clock } from '../../common/clock.ts'

export type RateLimiterOptions = {
  readonly clock: Pick<Clock, 'now'>
  readonly perSecond: number
}

const BURST_MS = 1_000

/**
 * Admits at most `perSecond` keys, with a burst of one second's worth. A key that has to wait reserves a time of its
 * own, so that thousands of waiting keys do not all retry at the same moment.
 */
export class RateLimiter {
  readonly #clock: Pick<Clock, 'now'>
  readonly #interval: number
  readonly #reserved = new Map<string, number>()
  /** The latest time that has been reserved. */
  #lastReserved = Number.NEGATIVE_INFINITY

  constructor({ clock, perSecond }: RateLimiterOptions) {
    this.#clock = clock
    this.#interval = 1_000 / perSecond
  }

  /** Returns 0 if the key is admitted now, otherwise the milliseconds after which it should be tried again. */
  when(key: string): number {
    const now = this.#clock.now()
    const turn = this.#reserved.get(key) ?? this.#reserve(now)
    if (turn > now) {
      this.#reserved.set(key, turn)
      return turn - now
    }
    this.#reserved.delete(key)
    return 0
  }

  forget(key: string): void {
    this.#reserved.delete(key)
  }

  #reserve(now: number): number {
    this.#lastReserved = Math.max(this.#lastReserved, now - BURST_MS) + this.#interval
    return this.#lastReserved
  }
}
