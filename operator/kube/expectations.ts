/** Number of expectations above which satisfied ones are removed; those of deleted schedules would accumulate. */
const SWEEP_AT = 1_000

/**
 * The versions of the operator's last writes, by key: a reconcile waits until the cache has caught up with them
 * (KEP-5647). From an older cache it would not see its own CronJob or status, and would write it again. A cache that
 * has seen a version has seen everything before it, so deleted objects need no special case.
 */
export class Expectations {
  readonly #hasSeen: (key: string, version: string) => boolean
  readonly #awaited = new Map<string, string>()
  #sweepAt = SWEEP_AT

  constructor(hasSeen: (key: string, version: string) => boolean) {
    this.#hasSeen = hasSeen
  }

  /** Number of writes that are expected. */
  get size(): number {
    return this.#awaited.size
  }

  expect(key: string, version: string | undefined): void {
    if (version === undefined) return
    this.#awaited.set(key, version)
    if (this.#awaited.size < this.#sweepAt) return
    for (const awaited of this.#awaited.keys()) this.satisfied(awaited)
    // Doubling avoids a sweep at every further write while a thousand writes are in flight.
    this.#sweepAt = Math.max(SWEEP_AT, this.#awaited.size * 2)
  }

  satisfied(key: string): boolean {
    const version = this.#awaited.get(key)
    if (version === undefined) return true
    if (!this.#hasSeen(key, version)) return false
    this.#awaited.delete(key)
    return true
  }
}
