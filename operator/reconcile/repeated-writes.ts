const WITHIN_MS = 60_000

type Written = { readonly content: string; readonly times: readonly number[] }

/**
 * Counts how often the same content was written for one key within a minute. The first write counts as none, a repair
 * of it as one.
 */
export class RepeatedWrites {
  readonly #written = new Map<string, Written>()

  /**
   * Notes a write and returns its count; 0 if this process has not written the same content before. Must be called
   * after each write. `now`: milliseconds.
   */
  note(key: string, content: string, now: number): number {
    const last = this.#written.get(key)
    const times =
      last?.content === content ? [...last.times.filter((time) => time > now - WITHIN_MS), now] : []
    this.#written.set(key, { content, times })
    return times.length
  }

  forget(key: string): void {
    this.#written.delete(key)
  }
}
