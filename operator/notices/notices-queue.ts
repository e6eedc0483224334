import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import { DeliveryError } from '../../common/webhook/failure.ts'
import type { Clock } from '../clock/clock.ts'

export type NoticeQueueOptions = {
  /** One try. Rejects with a DeliveryError when the receiver did not take it. */
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
  /** When it was added, on the clock that only goes forward. */
  readonly since: number
  tries: number
  cancel: (() => void) | undefined
}

/** A notice is a kilobyte or two. */
const CAPACITY = 2_000
/** A try that fails later than this after the notice was added is the last one. */
const RETRY_FOR_MS = 300_000
const BACKOFF = { first: 1_000, longest: 60_000 }
/**
 * Tries at a time. A look-up of a name that nobody answers holds one of Node's four threads for longer than its try lasts,
 * and they are the API server's name's as well: a receiver that does not answer gets one at a time.
 */
const CONCURRENCY = 2

/**
 * Sends notices beside the work: no reconcile waits for a receiver. A notice that is not taken is tried again for some
 * minutes, while others pass it. At most so many are held; what comes on top of them fails at once.
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

  /** `schedule`: its key, for the log. The same id is held once. */
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

  /** Forgets what has not been sent. */
  clear(): void {
    for (const { cancel } of this.#waiting.values()) cancel?.()
    this.#waiting.clear()
    this.#due = []
  }

  /** Waits for the tries that are due, but not longer than this; afterwards nothing is taken any more. */
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
    // Not sure whether it leads, that is: the end of a term clears the queue.
    if (!isLeader()) {
      this.#retryAfter(entry, BACKOFF.first)
      return
    }
    entry.tries += 1
    try {
      await send(entry.event, this.#stop.signal)
    } catch (error) {
      // Of a term that is over.
      if (this.#waiting.get(id) === entry) this.#failed(entry, error)
      return
    }
    this.#logTransition(true)
    if (this.#waiting.get(id) === entry) this.#waiting.delete(id)
    onResult('sent')
  }

  #failed(entry: Waiting, error: unknown): void {
    const { clock, random } = this.#options
    // What is not ours may quote the URL, which may be a secret.
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

  /** When it begins to fail and when it is over, and not for each try. */
  #logTransition(isTaken: boolean, why = ''): void {
    if (this.#isFailing !== isTaken) return
    this.#isFailing = !isTaken
    const { log } = this.#options
    if (isTaken) log.info('notices are taken again')
    else log.warn({ reason: why }, 'a notice was not taken; trying again for some minutes')
  }

  #drop({ event, schedule, tries }: Waiting, reason: string): void {
    const { id, type } = event
    this.#options.log.warn({ schedule, notice: id, type, tries, reason }, 'a notice could not be sent')
    this.#options.onResult('failed')
  }
}
