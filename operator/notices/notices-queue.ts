import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import { DeliveryError } from '../../common/webhook/failure.ts'
import type { Clock } from '../../common/clock.ts'

export type NoticeQueueOptions = {
  /** Tries once; rejects with a DeliveryError if the webhook did not accept the event. */
  readonly send: (event: CloudEvent, signal: AbortSignal) => Promise<void>
  readonly isLeader: () => boolean
  readonly onResult: (result: 'sent' | 'failed') => void
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  readonly capacity?: number
}

type Waiting = {
  readonly event: CloudEvent
  readonly schedule: string
  /** Time of the addition on the monotonic clock. */
  readonly since: number
  tries: number
  cancel: (() => void) | undefined
}

/** Notices in the queue at most, of one or two kilobytes each. */
const CAPACITY = 2_000
/** Milliseconds after the addition from which a failed try is the last one. */
const RETRY_FOR_MS = 300_000
const BACKOFF = { first: 1_000, longest: 60_000 }
/**
 * Concurrent tries. A name lookup without a response blocks one of Node's four threads longer than its try lasts, and
 * the API server's name needs them too. A failing webhook gets one try at a time.
 */
const CONCURRENCY = 2

/**
 * Sends notices in the background: no reconcile waits for a webhook. A refused notice is retried for some minutes
 * while others pass it. The queue is bounded; a notice beyond its capacity fails at once.
 */
export class NoticeQueue {
  readonly #options: NoticeQueueOptions
  readonly #waiting = new Map<string, Waiting>()
  #due: Waiting[] = []
  #sending = 0
  #isFailing = false
  readonly #stop = new AbortController()
  #onIdle: (() => void) | undefined

  constructor(options: NoticeQueueOptions) {
    this.#options = options
  }

  /** Adds an event; `schedule` is the key for the log. An id is queued once. */
  add(schedule: string, event: CloudEvent): void {
    const { clock, capacity = CAPACITY } = this.#options
    if (this.#stop.signal.aborted || this.#waiting.has(event.id)) return
    const entry: Waiting = { event, schedule, since: clock.now(), tries: 0, cancel: undefined }
    if (this.#waiting.size >= capacity) {
      this.#drop(entry, `${capacity} others wait`)
      return
    }
    this.#waiting.set(event.id, entry)
    this.#due.push(entry)
    this.#pump()
  }

  /** Drops all unsent notices. */
  clear(): void {
    for (const { cancel } of this.#waiting.values()) cancel?.()
    this.#waiting.clear()
    this.#due = []
  }

  /** Waits for the due tries, at most this long; afterwards no notices are accepted. */
  async drain(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(milliseconds, resolve)
    this.#onIdle = resolve
    this.#pump()
    await promise
    cancel()
    this.clear()
    this.#stop.abort()
  }

  #pump(): void {
    while (this.#sending < (this.#isFailing ? 1 : CONCURRENCY)) {
      const next = this.#due.shift()
      if (next === undefined) break
      this.#sending += 1
      void this.#try(next).finally(() => {
        this.#sending -= 1
        this.#pump()
      })
    }
    if (this.#sending === 0 && this.#due.length === 0) this.#onIdle?.()
  }

  async #try(entry: Waiting): Promise<void> {
    const { send, isLeader, onResult } = this.#options
    const { id } = entry.event
    // Leadership may only be uncertain: the end of a term clears the queue.
    if (!isLeader()) {
      this.#retryAfter(entry, BACKOFF.first)
      return
    }
    entry.tries += 1
    try {
      await send(entry.event, this.#stop.signal)
    } catch (error) {
      // The entry may belong to a term that has ended.
      if (this.#waiting.get(id) === entry) this.#failed(entry, error)
      return
    }
    this.#logTransition(true)
    if (this.#waiting.get(id) === entry) this.#waiting.delete(id)
    onResult('sent')
  }

  #failed(entry: Waiting, error: unknown): void {
    const { clock, random } = this.#options
    // Other errors may quote the URL, which may be a secret.
    const why = error instanceof DeliveryError ? error.message : 'an unexpected error'
    this.#logTransition(false, why)
    const left = entry.since + RETRY_FOR_MS - clock.now()
    if (left <= 0) {
      this.#waiting.delete(entry.event.id)
      this.#drop(entry, why)
      return
    }
    const asked = error instanceof DeliveryError ? (error.retryAfter ?? 0) : 0
    const pause = Math.max(backoffDelay(BACKOFF, entry.tries - 1, random), asked)
    this.#retryAfter(entry, Math.min(pause, left))
  }

  #retryAfter(entry: Waiting, pause: number): void {
    entry.cancel = this.#options.clock.after(pause, () => {
      this.#due.push(entry)
      this.#pump()
    })
  }

  /** Logs when deliveries start to fail and when they succeed again, but not each try. */
  #logTransition(isTaken: boolean, why = ''): void {
    if (this.#isFailing !== isTaken) return
    this.#isFailing = !isTaken
    const { log } = this.#options
    if (isTaken) log.info('notices are delivered again')
    else log.warn({ reason: why }, 'cannot deliver a notice, retrying for some minutes')
  }

  #drop({ event, schedule, tries }: Waiting, reason: string): void {
    const { id, type } = event
    this.#options.log.warn(
      { schedule, notice: id, type, tries, reason },
      'cannot deliver the notice, dropping it',
    )
    this.#options.onResult('failed')
  }
}
