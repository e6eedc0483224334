/** So many writes may be awaited before those that have come by are looked for; deleted schedules would pile up here. */
const SWEEP_AT = 1_000

/**
 * Remembers the version of the operator's last write for a key, and tells whether the cache has caught up with it
 * (KEP-5647): a reconcile from an older cache would not see its own CronJob or status, and write it once more.
 * A cache that has seen a version has seen everything before it, so the cache's own newest version answers, and an object
 * that was deleted right after the write is no special case.
 */
export class Expectations {
  readonly #hasSeen: (key: string, version: string) => boolean
  readonly #awaited = new Map<string, string>()
  #sweepAt = SWEEP_AT

  constructor(hasSeen: (key: string, version: string) => boolean) {
    this.#hasSeen = hasSeen
  }

  /** How many writes are remembered. */
  get size(): number {
    return this.#awaited.size
  }

  expect(key: string, version: string | undefined): void {
    if (version === undefined) return
    this.#awaited.set(key, version)
    if (this.#awaited.size < this.#sweepAt) return
    for (const awaited of this.#awaited.keys()) this.satisfied(awaited)
    // Twice what is left, or a thousand writes under way would be searched at every further one.
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
