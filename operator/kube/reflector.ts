import { asError } from '../../common/as-error.ts'
import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import { sleep } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'
import type { KubeClient, Query, WatchEvent } from './client.ts'
import { failureOf, KubeError, SilenceError } from './errors.ts'
import type { Failure } from './errors.ts'
import { compareVersions, keyOf } from './object.ts'
import type { KubeObject, Resource } from './object.ts'
import { DEFAULT_TIMING } from './reflector-timing.ts'
import type { ReflectorTiming } from './reflector-timing.ts'
import type { Cached } from './store.ts'
import { checkedEvent, closesList, GarbledWatchError } from './watch-event.ts'

/** Whether the objects may be read; pending before the first response to a list. */
export type Access = 'pending' | 'granted' | 'refused'

/** No permission to list these objects, or no such resource or namespace. */
const REFUSALS = new Set([403, 404])

export type Change<T> = { readonly key: string; readonly before?: T; readonly after?: T }

/** Receives the objects of a reflector. */
export type ObjectSink<T> = {
  get(key: string): T | undefined
  keys(): Iterable<string>
  set(object: T): void
  delete(key: string): void
}

export type ReflectorOptions<T extends Cached> = {
  readonly client: Pick<KubeClient, 'list' | 'watch'>
  readonly resource: Resource
  /** Undefined for all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** Reduces an object to the fields in use: a raw Job is 15 times as large. */
  readonly project: (raw: KubeObject) => T
  readonly store: ObjectSink<T>
  readonly onChange: (change: Change<T>) => void
  /** Called when `access` has changed. */
  readonly onAccess?: (() => void) | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  readonly timing?: Partial<ReflectorTiming>
  /**
   * False for paged lists from the start: faster by half for thousands of objects, at the cost of larger responses.
   */
  readonly streaming?: boolean
}

const PAGE = 500

/** Failures (about a minute) after which a list is made, because the server may never know the version. */
const LIST_AFTER = 8

/** Responses of servers without streaming lists to its parameters, as in client-go. */
const STREAMING_REFUSED = new Set([400, 422])

/** A list that is older than the store: the API server lags behind or was restored. */
class StaleListError extends Error {
  override readonly name = 'StaleListError'
}

/**
 * Keeps a store equal to the API server's objects: lists, watches, and restarts after any error until aborted. Lists
 * are consistent reads, and an older object never replaces a newer one.
 */
export class Reflector<T extends Cached> {
  readonly #options: ReflectorOptions<T>
  readonly #timing: ReflectorTiming
  #access: Access = 'pending'
  /** The version at which the next watch starts; undefined if a list is needed first. */
  #resumeVersion: string | undefined
  #lastSyncVersion: string | undefined
  #streaming: 'yes' | 'notNow' | 'never' = 'yes'
  /** The objects of an unfinished streaming list; undefined if there is none. */
  #initial: Map<string, T> | undefined
  #restarts = 0
  #lastEventAt: number
  #lastIterationAt: number
  #lastError: string | undefined
  /** True if the last session ended because its version was too old. */
  #expired = false

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#timing = { ...DEFAULT_TIMING, ...options.timing }
    this.#lastEventAt = this.#lastIterationAt = options.clock.now()
    if (options.streaming === false) this.#streaming = 'never'
  }

  /**
   * Never pending again after it was granted or refused. Objects that were read before a refusal stay in the store.
   */
  get access(): Access {
    return this.#access
  }

  /** Number of connections after the first. */
  get restarts(): number {
    return this.#restarts
  }

  /** The reason why there is no working watch; undefined while there is one. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  /** False only if the loop itself is stuck; an unavailable API server is not an error of this process. */
  get isAlive(): boolean {
    const { silence, backoff } = this.#timing
    const quiet = this.#options.clock.now() - Math.max(this.#lastEventAt, this.#lastIterationAt)
    // The bound is one silent connection plus the longest Retry-After.
    return quiet < silence + Math.max(backoff.longest * 1.5, 300_000) + 30_000
  }

  /**
   * True if the store contains everything up to this version; false after an own write until the watch has delivered
   * it.
   */
  hasSeen(version: string): boolean {
    if (this.#lastSyncVersion === undefined) return false
    return (compareVersions(this.#lastSyncVersion, version) ?? 0) >= 0
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    let failures = 0
    while (!signal.aborted) {
      const startedAt = this.#startIteration()
      const error = await this.#session(signal).then(
        () => undefined,
        (thrown: unknown) => thrown ?? new Error('unknown'),
      )
      if (signal.aborted) return
      const steady = this.#startIteration() - startedAt >= this.#timing.steady
      failures = steady ? Number(error !== undefined) : failures + 1
      this.#restarts++
      const failure = error === undefined ? undefined : this.#noteFailure(error, failures)
      if (this.#reconnectsAtOnce(failure, steady)) continue
      const pause = backoffDelay(this.#timing.backoff, Math.max(failures - 1, 0), random)
      await sleep(failure?.kind === 'wait' ? Math.max(pause, failure.after) : pause, signal, clock)
    }
  }

  /** Timeouts and compaction end healthy watches: these reconnect without a backoff, unless that repeats. */
  #reconnectsAtOnce(failure: Failure | undefined, steady: boolean): boolean {
    const expiredBefore = this.#expired
    this.#expired = failure?.kind === 'expired'
    // A 410 is often the first response after an outage, when the backoff has grown long.
    if (this.#expired && !expiredBefore) return true
    return steady && (failure === undefined || this.#expired)
  }

  /** Runs one connection, after a list if one is needed. */
  async #session(signal: AbortSignal): Promise<void> {
    if (this.#resumeVersion !== undefined)
      return this.#watch(signal, { resourceVersion: this.#resumeVersion })
    if (this.#streaming !== 'yes' || !(await this.#streamingList(signal))) {
      const version = await this.#list(signal)
      return this.#watch(signal, { resourceVersion: version })
    }
  }

  /**
   * Lists and watches in one request: every object as an event, a closing bookmark, then the changes. False if the
   * server does not support it.
   */
  async #streamingList(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#watch(signal, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' })
      if (this.#initial !== undefined) this.#streaming = 'notNow'
      return true
    } catch (error) {
      // A proxy may hold back the closing bookmark: the next list is a paged one.
      if (error instanceof SilenceError && this.#initial !== undefined) this.#streaming = 'notNow'
      if (!(error instanceof KubeError && STREAMING_REFUSED.has(error.status))) throw error
      this.#streaming = 'never'
      this.#options.log.debug(
        { resource: this.#name },
        'streaming lists are not supported, using paged lists',
      )
      return false
    } finally {
      this.#initial = undefined
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, namespace, labelSelector, fieldSelector } = this.#options
    const objects = new Map<string, T>()
    let next: string | undefined
    for (;;) {
      const query: Query = { labelSelector, fieldSelector, limit: PAGE, continue: next }
      const page = await client.list(resource, { namespace, query, signal, timeout: 60_000 })
      this.#lastEventAt = this.#options.clock.now()
      for (const raw of page.items) this.#collect(objects, raw)
      next = page.metadata.continue
      if (next === undefined || next === '') {
        this.#replace(objects, page.metadata.resourceVersion)
        if (this.#streaming === 'notNow') this.#streaming = 'yes'
        return page.metadata.resourceVersion
      }
    }
  }

  async #watch(signal: AbortSignal, start: Query): Promise<void> {
    const { client, resource, namespace, clock, random = Math.random } = this.#options
    const { labelSelector, fieldSelector } = this.#options
    const { silence, lifetime } = this.#timing
    const span = lifetime.shortest + random() * (lifetime.longest - lifetime.shortest)
    const query = {
      ...start,
      labelSelector,
      fieldSelector,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.ceil(span / 1000),
    }
    const events = await client.watch(resource, { namespace, query, signal, silence })
    if (start['sendInitialEvents'] === true) this.#initial = new Map()
    try {
      for await (const event of events) {
        this.#lastEventAt = clock.now()
        this.#receive(event)
      }
    } catch (error) {
      throw error instanceof SyntaxError ? new GarbledWatchError(error.message, { cause: error }) : error
    }
  }

  #receive(event: WatchEvent): void {
    const { type, object, version } = checkedEvent(event)
    if (this.#initial !== undefined) this.#receiveInitial(this.#initial, { type, object }, version)
    else if (!this.#advance(version)) return
    else if (type === 'DELETED') this.#remove(keyOf(object.metadata))
    else if (type !== 'BOOKMARK') this.#put(this.#project(object))
  }

  #receiveInitial(initial: Map<string, T>, { type, object }: WatchEvent, version: string): void {
    if (type === 'DELETED') initial.delete(keyOf(object.metadata))
    else if (type !== 'BOOKMARK') this.#collect(initial, object)
    else if (closesList(object)) {
      this.#replace(initial, version)
      this.#initial = undefined
    }
  }

  #collect(objects: Map<string, T>, raw: KubeObject): void {
    const object = this.#project(raw)
    if (object !== undefined) objects.set(keyOf(object), object)
  }

  /** Skips and logs an object that cannot be read: it must not keep all the others out. */
  #project(raw: KubeObject): T | undefined {
    try {
      return this.#options.project(raw)
    } catch (error) {
      this.#options.log.error(
        { err: error, resource: this.#name, key: keyOf(raw.metadata) },
        'cannot read an object',
      )
      return undefined
    }
  }

  /** Replaces the store's objects by those listed: an object that is not listed was deleted in the meantime. */
  #replace(objects: ReadonlyMap<string, T>, version: string): void {
    if (this.#lastSyncVersion !== undefined && (compareVersions(version, this.#lastSyncVersion) ?? 0) < 0) {
      throw new StaleListError(
        `the API server answered with version ${version} of ${this.#name} after ${this.#lastSyncVersion}: it lags behind, or was ` +
          'restored from a backup (then restart the operator)',
      )
    }
    const { store, namespace } = this.#options
    const within = namespace === undefined ? '' : `${namespace}/`
    const gone = [...store.keys()].filter((key) => key.startsWith(within) && !objects.has(key))
    this.#resumeVersion = this.#lastSyncVersion = version
    this.#lastError = undefined
    for (const key of gone) this.#remove(key)
    for (const object of objects.values()) this.#put(object)
    this.#setAccess('granted')
  }

  #setAccess(access: Access): void {
    if (access === this.#access) return
    this.#access = access
    this.#options.onAccess?.()
  }

  /** Returns false if the server repeats an event, or lags behind. */
  #advance(version: string): boolean {
    this.#lastError = undefined
    if (this.#lastSyncVersion !== undefined && (compareVersions(version, this.#lastSyncVersion) ?? 1) <= 0)
      return false
    this.#resumeVersion = this.#lastSyncVersion = version
    return true
  }

  #put(after: T | undefined): void {
    if (after === undefined) return
    const { store } = this.#options
    const key = keyOf(after)
    const before = store.get(key)
    if (before !== undefined && (compareVersions(after.resourceVersion, before.resourceVersion) ?? 1) <= 0)
      return
    store.set(after)
    this.#notify(before === undefined ? { key, after } : { key, before, after })
  }

  #remove(key: string): void {
    const { store } = this.#options
    const before = store.get(key)
    if (before === undefined) return
    store.delete(key)
    this.#notify({ key, before })
  }

  /** An error of the listener must not end the watch. */
  #notify(change: Change<T>): void {
    try {
      this.#options.onChange(change)
    } catch (error) {
      this.#options.log.error(
        { err: error, resource: this.#name, key: change.key },
        'the handler of a change failed',
      )
    }
  }

  #noteFailure(error: unknown, failures: number): Failure {
    const failure = failureOf(error)
    if (this.#needsList(error, failure, failures)) this.#resumeVersion = undefined
    this.#lastError = asError(error).message
    if (error instanceof KubeError && REFUSALS.has(error.status)) this.#setAccess('refused')
    const details = { resource: this.#name, reason: this.#lastError, failures }
    // A single broken connection is normal; repeated failures are logged as a warning. A refusal is logged once for
    // its namespace.
    if (failures > 2 && this.#access !== 'refused')
      this.#options.log.warn(details, 'cannot watch, retrying after backoff')
    else this.#options.log.debug(details, 'watch ended')
    return failure
  }

  /** A list is always safe, only expensive. After a 404 the CRD and its objects are gone, possibly without events. */
  #needsList(error: unknown, { kind }: Failure, failures: number): boolean {
    if (kind === 'expired' || kind === 'notFound' || kind === 'terminal') return true
    return error instanceof GarbledWatchError || (error instanceof KubeError && failures >= LIST_AFTER)
  }

  #startIteration(): number {
    return (this.#lastIterationAt = this.#options.clock.now())
  }

  get #name(): string {
    const { resource, namespace } = this.#options
    const name = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
    return namespace === undefined ? name : `${name} in ${namespace}`
  }
}
