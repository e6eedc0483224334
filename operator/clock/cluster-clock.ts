import type { Clock } from '../../common/clock.ts'

/**
 * Longer than a response travels, plus the truncation of its date to seconds; shorter than any distance between two
 * slots.
 */
const TOLERANCE_MS = 30_000

/**
 * The time of day of the API server if the machine's clock differs much, because slots and Jobs follow the cluster's
 * time. Each response sets it; between responses the monotonic clock advances it.
 */
export class ClusterClock implements Clock {
  readonly #own: Clock
  #observed: { readonly date: number; readonly at: number } | undefined

  constructor(own: Clock) {
    this.#own = own
  }

  /** Takes the `Date` header of a response. */
  observe(header: string): void {
    const date = Date.parse(header)
    if (!Number.isNaN(date)) this.#observed = { date, at: this.now() }
  }

  date(): Date {
    const own = this.#own.date()
    if (this.#observed === undefined) return own
    const theirs = this.#observed.date + this.now() - this.#observed.at
    return Math.abs(own.getTime() - theirs) > TOLERANCE_MS ? new Date(theirs) : own
  }

  now(): number {
    return this.#own.now()
  }

  after(milliseconds: number, run: () => void): () => void {
    return this.#own.after(milliseconds, run)
  }
}
