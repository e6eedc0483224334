import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import { sleep } from '../clock/clock.ts'
import type { Clock } from '../clock/clock.ts'
import type { KubeClient } from './client.ts'
import { cutToBytes } from './truncate.ts'
import { failureOf } from './errors.ts'
import { microTime } from './micro-time.ts'
import { RESOURCES } from './object.ts'
import type { KubeObject } from './object.ts'

/** What an event is about. */
export type ObjectReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export type EventInput = {
  readonly regarding: ObjectReference
  readonly related?: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  /** What the operator was doing: Reconcile, Mirror, … */
  readonly action: string
  readonly note: string
  /** What it happened to (a Job's UID, a generation): one reason is told once for each. */
  readonly dedupKey: string
}

export type EventRecorderOptions = {
  readonly client: Pick<KubeClient, 'create'>
  /** As the API wants it: a qualified name. */
  readonly controller: string
  /** This replica. */
  readonly instance: string
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  /** 10,000 events are about 10 MB: enough for one from each schedule of a large installation. */
  /** Milliseconds to wait before each event, while there is more urgent work. */
  readonly pause?: () => number
  readonly capacity?: number
}

/** The API counts bytes, not characters (validation of events.k8s.io/v1). */
const NOTE_BYTES = 1024
const INSTANCE_LENGTH = 128
const NAME_LENGTH = 253
const MAX_TRIES = 4
const BACKOFF = { first: 500, longest: 10_000 }

/**
 * Sends events one after the other, beside the work: no reconcile waits for one or fails with one. What cannot be sent is
 * counted and dropped; the status says everything that an event says.
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
      log.debug({ reason: input.reason, name: input.regarding.name }, 'no room for an event')
      return
    }
    this.#queue.push(this.#build(input))
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined))
  }

  /** Waits for what is queued, but not longer than this; afterwards nothing is taken any more. */
  async drain(milliseconds: number): Promise<void> {
    const cancel = this.#options.clock.after(milliseconds, () => this.#stop.abort())
    await this.#sending
    cancel()
    this.#stop.abort()
  }

  async #send(): Promise<void> {
    // What was recorded just now may belong to a status that is being written: let that go first.
    await Promise.resolve()
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      await this.#yieldToReconciles()
      if (this.#stop.signal.aborted || !(await this.#deliver(event))) this.#dropped++
    }
  }

  async #yieldToReconciles(): Promise<void> {
    const { clock, pause = () => 0 } = this.#options
    const milliseconds = pause()
    if (milliseconds > 0) await sleep(clock, milliseconds, this.#stop.signal)
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
        // Told already, before a restart or by the leader before us.
        if (failure.kind === 'alreadyExists') return true
        const hopeless = failure.kind !== 'transient' && failure.kind !== 'wait'
        if (hopeless || attempt === MAX_TRIES || signal.aborted) {
          log.debug({ err: error, event: event.metadata.name }, 'an event could not be sent')
          return false
        }
        const pause = backoffDelay(BACKOFF, attempt - 1, random)
        await sleep(clock, failure.kind === 'wait' ? Math.max(pause, failure.after) : pause, signal)
      }
    }
    return false
  }

  #build(input: EventInput): KubeObject {
    const { controller, instance, clock } = this.#options
    const { regarding, related, type, reason, action, note } = input
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
      note: cutToBytes(note, NOTE_BYTES),
      regarding,
      ...(related === undefined ? {} : { related }),
    }
  }
}

/** The same event has the same name whoever sends it, and however often: the API server takes it once. */
export function eventName({ regarding, reason, dedupKey }: EventInput): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([regarding.uid, reason, dedupKey]))
    .digest('hex')
  const suffix = `.${digest.slice(0, 16)}`
  // Cut at a dot or a dash, the rest would not be a DNS name.
  const stem = regarding.name.slice(0, NAME_LENGTH - suffix.length).replace(/[.-]+$/, '')
  return `${stem}${suffix}`
}
