/**
 * Remembers the version of the operator's last write for a key, and tells whether the cache has caught up with it
 * (KEP-5647): a reconcile from an older cache would not see its own CronJob or status, and write it once more.
 * A cache that has seen a version has seen everything before it, so the cache's own newest version answers, and an object
 * that was deleted right after the write is no special case.
 */
export class WriteEcho {
  readonly #hasSeen: (key: string, version: string) => boolean
  readonly #awaited = new Map<string, string>()

  constructor(hasSeen: (key: string, version: string) => boolean) {
    this.#hasSeen = hasSeen
  }

  wrote(key: string, version: string | undefined): void {
    if (version !== undefined) this.#awaited.set(key, version)
  }

  caughtUp(key: string): boolean {
    const version = this.#awaited.get(key)
    if (version === undefined) return true
    if (!this.#hasSeen(key, version)) return false
    this.#awaited.delete(key)
    return true
  }
}
