import { backoffDelay } from '../../common/backoff.ts'
import type { Backoff } from '../../common/backoff.ts'
import { systemClock } from '../clock/clock.ts'
import type { Clock } from '../clock/clock.ts'

export type WorkQueueOptions = {
  readonly workers: number
  /** The work for one key. What it throws is a bug: it is reported and the key tried again later. */
  readonly handle: (key: string, work: Work) => Promise<void>
  readonly onError: (key: string, error: unknown) => void
  readonly clock?: Clock
  readonly random?: () => number
  readonly backoff?: Backoff
}

/** 0.1 s after the first failure, 51 s after the tenth, then a minute. */
const BACKOFF: Backoff = { first: 100, longest: 60_000 }

/** Keys of low priority wait while others wait or are worked on, apart from every tenth turn. */
export type Priority = 'normal' | 'low'

export type Work = {
  /** How often in a row this key has failed. */
  readonly failures: number
  readonly priority: Priority
}

/** One turn in so many belongs to a key of low priority, so that a queue that never empties does not starve it. */
const TURNS_PER_LOW = 10

type Delayed = { readonly at: number; readonly cancel: () => void }

/**
 * Keys to be worked on. A key that waits is not added twice; a key that is being worked on is worked on once more when that
 * ends, however often it was added: never by two workers at a time, and never is a change missed.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #clock: Clock
  readonly #normalPriority = new Set<string>()
  readonly #running = new Set<string>()
  readonly #lowPriority = new Set<string>()
  /** How many of the running keys have normal priority. */
  #normalRunning = 0
  /** Turns of normal priority since the last one of low priority. */
  #turnsSinceLow = 0
  readonly #dirty = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  /** Until when the server wants to hear nothing more of a key, whatever happens to it. */
  readonly #notBefore = new Map<string, number>()
  #started = false
  #drained: (() => void) | undefined
  #stopped = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Keys that wait for a worker, those with a time to come not counted. */
  get depth(): number {
    return this.#normalPriority.size + this.#lowPriority.size
  }

  /** True while keys of normal priority wait for a worker, or more than one of them is worked on. */
  get isBusy(): boolean {
    return this.#normalPriority.size > 0 || this.#normalRunning > 1
  }

  get running(): number {
    return this.#running.size
  }

  /** Keys whose last attempt failed. */
  get failing(): number {
    return this.#failures.size
  }

  /** Keys added before are kept until now: nothing may be decided before the caches are synced. */
  start(): void {
    this.#started = true
    this.#pump()
  }

  add(key: string): void {
    if (this.#stopped) return
    const held = (this.#notBefore.get(key) ?? 0) - this.#clock.now()
    if (held > 0) this.addAfter(key, held)
    else if (this.#running.has(key)) this.#dirty.add(key)
    else {
      this.#lowPriority.delete(key)
      this.#normalPriority.add(key)
    }
    this.#pump()
  }

  /** Adds the key with low priority. A later `add` raises it. */
  postpone(key: string): void {
    if (this.#stopped || this.#normalPriority.has(key)) return
    this.#lowPriority.add(key)
    this.#pump()
  }

  /** If the key has a time already, the earlier one counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return
    if (milliseconds <= 0) {
      this.add(key)
      return
    }
    const at = this.#clock.now() + milliseconds
    const known = this.#delayed.get(key)
    if (known !== undefined && known.at <= at) return
    known?.cancel()
    const cancel = this.#clock.after(milliseconds, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { at, cancel })
  }

  /** Tries a failed key again, later each time until `forget`; not before `atLeast` (a server's Retry-After), however often it is added. */
  retry(key: string, atLeast = 0): void {
    const earlier = this.#failures.get(key) ?? 0
    this.#failures.set(key, earlier + 1)
    if (atLeast > 0) this.#notBefore.set(key, this.#clock.now() + atLeast)
    const { backoff = BACKOFF, random } = this.#options
    this.addAfter(key, Math.max(backoffDelay(backoff, earlier, random), atLeast))
  }

  /** The key has succeeded: its next failure is a first one. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#notBefore.delete(key)
  }

  /** Drops what waits, takes nothing more, and resolves when the work at hand is done. */
  async drain(): Promise<void> {
    this.#stopped = true
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#normalPriority.clear()
    this.#lowPriority.clear()
    this.#dirty.clear()
    if (this.#running.size === 0) return
    await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  #pump(): void {
    if (!this.#started || this.#stopped) return
    while (this.#running.size < this.#options.workers) {
      const priority = this.#nextPriority()
      const key = this.#take(priority)
      if (key === undefined) return
      this.#turnsSinceLow = priority === 'low' ? 0 : this.#turnsSinceLow + 1
      void this.#work(key, priority)
    }
  }

  #nextPriority(): Priority {
    const isIdle = this.#normalPriority.size === 0 && this.#normalRunning === 0
    const isLow = isIdle || this.#turnsSinceLow >= TURNS_PER_LOW
    return isLow && this.#lowPriority.size > 0 ? 'low' : 'normal'
  }

  /** Removes and returns the oldest key of this priority. Undefined if there is none, or none that is not being worked on. */
  #take(priority: Priority): string | undefined {
    const keys = priority === 'low' ? this.#lowPriority : this.#normalPriority
    for (const key of keys) {
      if (this.#running.has(key)) continue
      keys.delete(key)
      return key
    }
    return undefined
  }

  async #work(key: string, priority: Priority): Promise<void> {
    this.#running.add(key)
    if (priority === 'normal') this.#normalRunning += 1
    try {
      // Not within `add`: a watch must not wait for what a reconcile does first, nor fail with it.
      await Promise.resolve()
      await this.#options.handle(key, { failures: this.#failures.get(key) ?? 0, priority })
    } catch (error) {
      this.#options.onError(key, error)
      this.retry(key)
    } finally {
      this.#running.delete(key)
      if (priority === 'normal') this.#normalRunning -= 1
      if (this.#dirty.delete(key)) this.add(key)
      if (this.#running.size === 0) this.#drained?.()
      this.#pump()
    }
  }
}
