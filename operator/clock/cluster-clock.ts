import type { Clock } from './clock.ts'

/** More than an answer takes on its way and loses by being cut to seconds; less than anybody could take a slot for another. */
const TOLERANCE_MS = 30_000

/**
 * The time of day as the API server has it where the machine's own is far off: whoever set that one, slots and Jobs go by
 * the cluster's. Each answer tells it; from one to the next, what only goes forward is added.
 */
export class ClusterClock implements Clock {
  readonly #own: Clock
  #observed: { readonly date: number; readonly at: number } | undefined

  constructor(own: Clock) {
    this.#own = own
  }

  /** The `Date` of an answer. */
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
