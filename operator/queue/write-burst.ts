import type { Clock } from '../clock/clock.ts'

/** A slow API server takes forty a second, by fits and starts: with half this time it had to take the words between them. */
const WRITES = 8
const WITHIN_MS = 500

/**
 * Many CronJobs written within a moment: a bulk of new schedules, or a new release. The words about them can wait, and
 * nothing else: when a thousand runs end at once there is no rush, for their ends are what people wait for.
 */
export class Rush {
  /** How long it lasts after the last write, in milliseconds. */
  static readonly LASTS = WITHIN_MS
  readonly #clock: Clock
  readonly #writes: number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isOn(): boolean {
    const [oldest = 0] = this.#writes
    return this.#writes.length === WRITES && this.#clock.now() - oldest < WITHIN_MS
  }

  /** A CronJob was written. */
  note(): void {
    this.#writes.push(this.#clock.now())
    if (this.#writes.length > WRITES) this.#writes.shift()
  }
}
