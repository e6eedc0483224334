import type { Logger } from 'pino'
import { backoffDelay } from '../../common/backoff.ts'
import { sleep } from '../clock/clock.ts'
import type { Clock } from '../clock/clock.ts'
import type { KubeClient, Query, WatchEvent } from './client.ts'
import { failureOf, KubeError, SilenceError } from './errors.ts'
import type { Failure } from './errors.ts'
import { compareVersions, keyOf } from './object.ts'
import type { KubeObject, Resource } from './object.ts'
import { DEFAULT_TIMING } from './reflector-timing.ts'
import type { ReflectorTiming } from './reflector-timing.ts'
import type { Cached } from './store.ts'
import { checkedEvent, closesList, GarbledWatchError } from './watch-event.ts'

/** Whether the API server lets the objects be read: not known before its first answer to a list. */
export type Access = 'pending' | 'granted' | 'refused'

/** No right to list these objects; or no such kind of objects, or no such namespace. */
const REFUSALS = new Set([403, 404])

export type Change<T> = { readonly key: string; readonly before?: T; readonly after?: T }

/** Where the objects go. */
export type ObjectSink<T> = {
  get(key: string): T | undefined
  keys(): Iterable<string>
  set(object: T): void
  delete(key: string): void
}

export type ReflectorOptions<T extends Cached> = {
  readonly client: Pick<KubeClient, 'list' | 'watch'>
  readonly resource: Resource
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** Keeps what is used of an object: a raw Job is 15 times as large. */
  readonly project: (raw: KubeObject) => T
  readonly store: ObjectSink<T>
  readonly onChange: (change: Change<T>) => void
  /** `access` is another one than before. */
  readonly onAccess?: (() => void) | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  readonly timing?: Partial<ReflectorTiming>
  /** False: lists come in pages from the start. Faster by half for thousands of objects, at the cost of larger answers. */
  readonly streaming?: boolean
}

const PAGE = 500

/** After a minute or so of refusals: the version may be one that the server does not know yet, and never will. */
const LIST_AFTER = 8

/** client-go's list of reasons is the same: 400 and 422 are how servers without the feature refuse its parameters. */
const STREAMING_REFUSED = new Set([400, 422])

/** A list older than what is known already: a lagging or restored API server. */
class StaleListError extends Error {
  override readonly name = 'StaleListError'
}

/**
 * Keeps a store equal to what the API server holds: lists, watches, and starts over whenever anything breaks, for as
 * long as it is not aborted. Lists are always consistent reads, and nothing older ever replaces something newer.
 */
export class Reflector<T extends Cached> {
  readonly #options: ReflectorOptions<T>
  readonly #timing: ReflectorTiming
  #access: Access = 'pending'
  /** Where the next watch starts; undefined: list first. */
  #resumeVersion: string | undefined
  #lastSyncVersion: string | undefined
  #streaming: 'yes' | 'notNow' | 'never' = 'yes'
  /** What a streaming list has sent so far; undefined: no such list is under way. */
  #initial: Map<string, T> | undefined
  #restarts = 0
  #lastEventAt: number
  #lastIterationAt: number
  #lastError: string | undefined
  /** The last session ended because its version was too old. */
  #expired = false

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#timing = { ...DEFAULT_TIMING, ...options.timing }
    this.#lastEventAt = this.#lastIterationAt = options.clock.now()
    if (options.streaming === false) this.#streaming = 'never'
  }

  /** Once granted or refused it is never pending again. What was read before a refusal stays in the store. */
  get access(): Access {
    return this.#access
  }

  /** On the operator's clock: when the server last said anything, bookmarks included. */
  get lastEventAt(): number {
    return this.#lastEventAt
  }

  /** Connections opened after the first. */
  get restarts(): number {
    return this.#restarts
  }

  /** The reason why there is no working watch at the moment. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  /** False only if the loop itself is stuck: an API server that is away is not this process's fault. */
  get isAlive(): boolean {
    const { silence, backoff } = this.#timing
    const quiet = this.#options.clock.now() - Math.max(this.#lastEventAt, this.#lastIterationAt)
    // One silent connection, then the longest pause that a server may ask for.
    return quiet < silence + Math.max(backoff.longest * 1.5, 300_000) + 30_000
  }

  /** Whether everything up to this version is in the store: false after an own write until its echo has come. */
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
      await sleep(clock, failure?.kind === 'wait' ? Math.max(pause, failure.after) : pause, signal)
    }
  }

  /** Old age and compaction happen to healthy watches: they need no pause, unless they happen again and again. */
  #reconnectsAtOnce(failure: Failure | undefined, steady: boolean): boolean {
    const expiredBefore = this.#expired
    this.#expired = failure?.kind === 'expired'
    // A 410 is often the first answer after an outage, when the pauses have grown long.
    if (this.#expired && !expiredBefore) return true
    return steady && (failure === undefined || this.#expired)
  }

  /** One connection, after a list where one is needed. */
  async #session(signal: AbortSignal): Promise<void> {
    if (this.#resumeVersion !== undefined)
      return this.#watch(signal, { resourceVersion: this.#resumeVersion })
    if (this.#streaming !== 'yes' || !(await this.#streamingList(signal))) {
      const version = await this.#list(signal)
      return this.#watch(signal, { resourceVersion: version })
    }
  }

  /** List and watch in one: every object as an event, a closing bookmark, then what changes. False: not offered here. */
  async #streamingList(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#watch(signal, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' })
      if (this.#initial !== undefined) this.#streaming = 'notNow'
      return true
    } catch (error) {
      // Something between us and the API server may swallow the closing bookmark: the next list is an ordinary one.
      if (error instanceof SilenceError && this.#initial !== undefined) this.#streaming = 'notNow'
      if (!(error instanceof KubeError && STREAMING_REFUSED.has(error.status))) throw error
      this.#streaming = 'never'
      this.#options.log.debug({ resource: this.#name }, 'no streaming lists here: listing page by page')
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

  /** An object that cannot be read is left out, and loudly: it must not keep all the others out. */
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

  /** The store becomes what was listed: what is not in it was deleted while nobody watched. */
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

  /** False: the server repeats itself, or lags behind what it has said before. */
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

  /** A listener's mistake must not end the watch, and with it everything else. */
  #notify(change: Change<T>): void {
    try {
      this.#options.onChange(change)
    } catch (error) {
      this.#options.log.error({ err: error, resource: this.#name, key: change.key }, 'a listener failed')
    }
  }

  #noteFailure(error: unknown, failures: number): Failure {
    const failure = failureOf(error)
    if (this.#needsList(error, failure, failures)) this.#resumeVersion = undefined
    this.#lastError = error instanceof Error ? error.message : String(error)
    if (error instanceof KubeError && REFUSALS.has(error.status)) this.#setAccess('refused')
    const details = { resource: this.#name, reason: this.#lastError, failures }
    // One broken connection is daily business; what lasts should be seen. A refusal is reported for its namespace, once.
    if (failures > 2 && this.#access !== 'refused')
      this.#options.log.warn(details, 'cannot watch; trying again')
    else this.#options.log.debug(details, 'watch ended')
    return failure
  }

  /** A list is always safe, only dear. 404: the CRD is gone, its objects with it, and nobody may have said so. */
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
