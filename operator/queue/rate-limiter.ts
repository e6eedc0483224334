import type { Clock } from '../clock/clock.ts'

export type RateLimiterOptions = {
  readonly clock: Pick<Clock, 'now'>
  readonly perSecond: number
}

const BURST_MS = 1_000

/**
 * Lets through so many keys a second, and a second's worth at once after a rest. Each key that has to wait gets a turn of
 * its own: thousands that all asked again at the next free moment would keep the event loop busy with asking.
 */
export class RateLimiter {
  readonly #clock: Pick<Clock, 'now'>
  readonly #interval: number
  readonly #reserved = new Map<string, number>()
  /** The last turn that was given away. */
  #lastReserved = Number.NEGATIVE_INFINITY

  constructor({ clock, perSecond }: RateLimiterOptions) {
    this.#clock = clock
    this.#interval = 1_000 / perSecond
  }

  /** 0: go on, and the turn is used. Else the milliseconds until the key's turn, when it has to ask again. */
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
