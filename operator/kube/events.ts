import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import { sleep } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'
import type { KubeClient } from './client.ts'
import { sha256Hex } from '../../common/sha256.ts'
import { truncateToBytes } from '../../common/text.ts'
import { failureOf } from './errors.ts'
import { microTime } from './micro-time.ts'
import { RESOURCES } from './object.ts'
import type { KubeObject } from './object.ts'

/** A reference to the object that an event regards. */
export type ObjectReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export type EventInput = {
  readonly regarding: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  /** The action of the operator: WriteCronJob, Mirror, … */
  readonly action: string
  readonly note: string
  /** Identifies the occurrence (a Job's UID, a generation): a reason is recorded once for each. */
  readonly dedupKey: string
}

export type EventRecorderOptions = {
  readonly client: Pick<KubeClient, 'create'>
  /** reportingController of the events: a qualified name. */
  readonly controller: string
  /** reportingInstance of the events: the identity of this replica. */
  readonly instance: string
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  /** Returns the milliseconds to wait before each event while there is more urgent work. */
  readonly pause?: () => number
  /** Queued events at most. The default of 10,000, about 10 MB, holds one of each schedule of a large installation. */
  readonly capacity?: number
}

/** The API limits bytes, not characters (validation of events.k8s.io/v1). */
const NOTE_BYTES = 1024
const INSTANCE_LENGTH = 128
const NAME_LENGTH = 253
const MAX_TRIES = 4
const BACKOFF = { first: 500, longest: 10_000 }

/**
 * Sends events one at a time in the background: no reconcile waits for an event or fails because of one. An event
 * that cannot be sent is counted and dropped; the status contains the same information.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #queue: KubeObject[] = []
  readonly #stop = new AbortController()
  #sending: Promise<void> | undefined
  #dropped = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  get dropped(): number {
    return this.#dropped
  }

  get pending(): number {
    return this.#queue.length
  }

  record(input: EventInput): void {
    const { capacity = 10_000, log } = this.#options
    if (this.#stop.signal.aborted || this.#queue.length >= capacity) {
      this.#dropped++
      log.debug({ reason: input.reason, name: input.regarding.name }, 'event queue full, dropping the event')
      return
    }
    this.#queue.push(this.#build(input))
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined))
  }

  /** Waits for the queued events, at most this long; afterwards no events are accepted. */
  async drain(milliseconds: number): Promise<void> {
    const cancel = this.#options.clock.after(milliseconds, () => this.#stop.abort())
    await this.#sending
    cancel()
    this.#stop.abort()
  }

  async #send(): Promise<void> {
    // An event may belong to a status that is being written: the status goes first.
    await Promise.resolve()
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      await this.#yieldToReconciles()
      if (this.#stop.signal.aborted || !(await this.#deliver(event))) this.#dropped++
    }
  }

  async #yieldToReconciles(): Promise<void> {
    const { clock, pause = () => 0 } = this.#options
    const milliseconds = pause()
    if (milliseconds > 0) await sleep(milliseconds, this.#stop.signal, clock)
  }

  async #deliver(event: KubeObject): Promise<boolean> {
    const { client, clock, log, random } = this.#options
    const { signal } = this.#stop
    for (let attempt = 1; attempt <= MAX_TRIES && !signal.aborted; attempt++) {
      try {
        await client.create(RESOURCES.events, event, { signal, timeout: 5_000 })
        return true
      } catch (error) {
        const failure = failureOf(error)
        // Already recorded, before a restart or by the previous leader.
        if (failure.kind === 'alreadyExists') return true
        const hopeless = failure.kind !== 'transient' && failure.kind !== 'wait'
        if (hopeless || attempt === MAX_TRIES || signal.aborted) {
          log.debug({ err: error, event: event.metadata.name }, 'cannot send the event, dropping it')
          return false
        }
        const pause = backoffDelay(BACKOFF, attempt - 1, random)
        await sleep(failure.kind === 'wait' ? Math.max(pause, failure.after) : pause, signal, clock)
      }
    }
    return false
  }

  #build(input: EventInput): KubeObject {
    const { controller, instance, clock } = this.#options
    const { regarding, type, reason, action, note } = input
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: eventName(input), namespace: regarding.namespace },
      eventTime: microTime(clock.date()),
      reportingController: controller,
      reportingInstance: instance.slice(0, INSTANCE_LENGTH),
      type,
      reason,
      action,
      note: truncateToBytes(note, NOTE_BYTES),
      regarding,
    }
  }
}

/** Names an event after its content, so that the API server accepts it once, whichever replica sends it. */
export function eventName({ regarding, reason, dedupKey }: EventInput): string {
  const digest = sha256Hex(JSON.stringify([regarding.uid, reason, dedupKey]))
  const suffix = `.${digest.slice(0, 16)}`
  // A stem that ends in a dot or a dash is not a DNS name.
  const stem = regarding.name.slice(0, NAME_LENGTH - suffix.length).replace(/[.-]+$/, '')
  return `${stem}${suffix}`
}
