import type { Clock } from './clock.ts'

export type PaceOptions = {
  readonly clock: Pick<Clock, 'now'>
  readonly perSecond: number
}

/** Lets through so many a second, and a second's worth at once after a rest. */
export class Pace {
  readonly #options: PaceOptions
  #tokens: number
  #at: number

  constructor(options: PaceOptions) {
    this.#options = options
    this.#tokens = options.perSecond
    this.#at = options.clock.now()
  }

  /** 0: go on. Else the milliseconds after which to ask again. */
  take(): number {
    const { clock, perSecond } = this.#options
    const now = clock.now()
    this.#tokens = Math.min(perSecond, this.#tokens + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) / perSecond) * 1000)
    this.#tokens -= 1
    return 0
  }
}
