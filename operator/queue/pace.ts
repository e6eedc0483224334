import type { Clock } from '../clock/clock.ts'

export type PaceOptions = {
  readonly clock: Pick<Clock, 'now'>
  readonly perSecond: number
}

const BURST_MS = 1_000

/**
 * Lets through so many keys a second, and a second's worth at once after a rest. Each key that has to wait gets a turn of
 * its own: thousands that all asked again at the next free moment would keep the event loop busy with asking.
 */
export class Pace {
  readonly #clock: Pick<Clock, 'now'>
  readonly #interval: number
  readonly #turns = new Map<string, number>()
  /** The last turn that was given away. */
  #last = Number.NEGATIVE_INFINITY

  constructor({ clock, perSecond }: PaceOptions) {
    this.#clock = clock
    this.#interval = 1_000 / perSecond
  }

  /** 0: go on, and the turn is used. Else the milliseconds until the key's turn, when it has to ask again. */
  take(key: string): number {
    const now = this.#clock.now()
    const turn = this.#turns.get(key) ?? this.#next(now)
    if (turn > now) {
      this.#turns.set(key, turn)
      return turn - now
    }
    this.#turns.delete(key)
    return 0
  }

  forget(key: string): void {
    this.#turns.delete(key)
  }

  #next(now: number): number {
    this.#last = Math.max(this.#last, now - BURST_MS) + this.#interval
    return this.#last
  }
}
