const WITHIN_MS = 60_000

type Written = { readonly content: string; readonly times: readonly number[] }

/** How often the same was written for one key within a minute: a first write is none, a repair of it is one. */
export class RepeatedWrites {
  readonly #written = new Map<string, Written>()

  /** Must be called after each write; 0 when this process has not written the same before. `now`: milliseconds. */
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
