import { backoffDelay } from '../../common/backoff.ts'
import type { Backoff } from '../../common/backoff.ts'
import { systemClock } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'

export type WorkQueueOptions = {
  readonly workers: number
  /** Handles one key. An error that it throws is a bug: it is reported, and the key is retried after a backoff. */
  readonly handle: (key: string, work: Work) => Promise<void>
  readonly onError: (key: string, error: unknown) => void
  readonly clock?: Clock
  readonly random?: () => number
  readonly backoff?: Backoff
}

/** 0.1 s after the first failure, 51 s after the tenth, then one minute. */
const BACKOFF: Backoff = { first: 100, longest: 60_000 }

/** A key of low priority waits while keys of normal priority wait or are handled, except for one in each interval. */
export type Priority = 'normal' | 'low'

export type Work = {
  /** Number of consecutive failures of this key. */
  readonly failures: number
  readonly priority: Priority
}

/** One key of low priority is handled in each interval: neither a queue that never empties nor a request that hangs starves them. */
const LOW_INTERVAL_MS = 500

type Delayed = { readonly at: number; readonly cancel: () => void }

/**
 * A work queue of keys. A waiting key is not added twice. A key that is added while a worker handles it is handled
 * once more afterwards. So no two workers handle one key at the same time, and no change is missed.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #clock: Clock
  readonly #normalPriority = new Set<string>()
  readonly #running = new Set<string>()
  readonly #lowPriority = new Set<string>()
  /** Number of running keys of normal priority. */
  #normalRunning = 0
  /** When a key of low priority is due even though others wait or are handled. */
  #lowDueAt = 0
  #cancelLowTimer: (() => void) | undefined
  readonly #dirty = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  /** Earliest time of the next attempt for a key, from the server's Retry-After, however often the key is added. */
  readonly #notBefore = new Map<string, number>()
  #started = false
  #drained: (() => void) | undefined
  #stopped = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Number of keys that are ready and wait for a worker; delayed keys are not counted. */
  get depth(): number {
    return this.#normalPriority.size + this.#lowPriority.size
  }

  /** True while keys of normal priority wait for a worker, or more than one of them is handled. */
  get isBusy(): boolean {
    return this.#normalPriority.size > 0 || this.#normalRunning > 1
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * Starts the workers. Keys that were added earlier have waited, because nothing may be decided before the caches
   * are synced.
   */
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

  /** Adds the key with low priority. A later `add` raises its priority. */
  postpone(key: string): void {
    if (this.#stopped || this.#normalPriority.has(key)) return
    if (this.#lowPriority.size === 0) this.#lowDueAt = this.#clock.now() + LOW_INTERVAL_MS
    this.#lowPriority.add(key)
    this.#pump()
  }

  /** Adds the key after a delay. If the key is delayed already, the earlier time counts. */
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

  /**
   * Retries a failed key after an exponential backoff, which `forget` resets. The key is not tried before `atLeast`
   * milliseconds (a server's Retry-After) have passed, however often it is added.
   */
  retry(key: string, atLeast = 0): void {
    const earlier = this.#failures.get(key) ?? 0
    this.#failures.set(key, earlier + 1)
    if (atLeast > 0) this.#notBefore.set(key, this.#clock.now() + atLeast)
    const { backoff = BACKOFF, random } = this.#options
    this.addAfter(key, Math.max(backoffDelay(backoff, earlier, random), atLeast))
  }

  /** Resets the backoff of a key that has succeeded. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#notBefore.delete(key)
  }

  /** Drops all waiting keys, accepts no more, and resolves when the running handlers have ended. */
  async drain(): Promise<void> {
    this.#stopped = true
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#cancelLowTimer?.()
    this.#normalPriority.clear()
    this.#lowPriority.clear()
    this.#dirty.clear()
    if (this.#running.size === 0) return
    await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  #pump(): void {
    if (!this.#started || this.#stopped) return
    while (this.#running.size < this.#options.workers) {
      const low = this.#mayHandleLow() ? this.#take(this.#lowPriority) : undefined
      const key = low ?? this.#take(this.#normalPriority)
      if (key === undefined) break
      if (low !== undefined) this.#lowDueAt = this.#clock.now() + LOW_INTERVAL_MS
      void this.#work(key, low === undefined ? 'normal' : 'low')
    }
    this.#startLowTimer()
  }

  #mayHandleLow(): boolean {
    const isIdle = this.#normalPriority.size === 0 && this.#normalRunning === 0
    return isIdle || this.#clock.now() >= this.#lowDueAt
  }

  /** Only with a free worker: otherwise the next handler that ends calls `#pump`. */
  #startLowTimer(): void {
    const hasFreeWorker = this.#running.size < this.#options.workers
    if (!hasFreeWorker || this.#lowPriority.size === 0 || this.#cancelLowTimer !== undefined) return
    const wait = this.#lowDueAt - this.#clock.now()
    this.#cancelLowTimer = this.#clock.after(wait > 0 ? wait : LOW_INTERVAL_MS, () => {
      this.#cancelLowTimer = undefined
      this.#pump()
    })
  }

  /** Removes and returns the oldest key that no worker is handling; undefined if there is none. */
  #take(keys: Set<string>): string | undefined {
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
      // The handler starts after `add` has returned: a watch must neither wait for a reconcile nor fail with it.
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
