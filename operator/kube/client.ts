import { defined } from '../../common/defined.ts'
import { HttpMethod, RequestContext } from '@kubernetes/client-node'
import { request } from 'undici'
import type { Dispatcher } from 'undici'
import { serverOf } from './connection.ts'
import type { PooledConfig } from './connection.ts'
import { SilenceError } from './errors.ts'
import { readJsonLines } from './json-lines.ts'
import { pathOf } from './object.ts'
import type { KubeObject, Location, Resource } from './object.ts'
import { parseAnswer, refusal, unreachable } from './response.ts'

export type ObjectList<T extends KubeObject = KubeObject> = {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly T[]
}

export type WatchEvent = { readonly type: string; readonly object: KubeObject }

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export type CallOptions = { readonly timeout?: number; readonly signal?: AbortSignal }

export type ListOptions = CallOptions & { readonly namespace?: string | undefined; readonly query?: Query }

export type WatchOptions = {
  readonly namespace?: string | undefined
  readonly query?: Query
  readonly signal: AbortSignal
  /** Milliseconds without a byte after which the connection is considered dead. */
  readonly silence: number
}

export type RemoveOptions = CallOptions & {
  readonly uid?: string
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
}

/** An update names the version that it was made from; otherwise it could overwrite unseen changes. */
export type Update = KubeObject & { readonly metadata: { readonly resourceVersion: string } }

export type JsonPatch = readonly {
  readonly op: 'add' | 'replace' | 'remove' | 'test'
  readonly path: string
  readonly value?: unknown
}[]

export type ClientOptions = {
  /** Called right before each write is sent; an error that it throws stops the write. */
  readonly guard?: () => void
  /** The field manager of the writes; by default the API server takes the user agent up to its slash. */
  readonly fieldManager?: string
  /** Called with the `Date` header of every response. */
  readonly onDate?: (date: string) => void
}

type Outgoing = {
  readonly query?: Query | undefined
  readonly body?: unknown
  readonly contentType?: string
  readonly signal: AbortSignal
  readonly silence?: number
}

/** Admission webhooks may take 10 s by default; the API server itself gives up after 60 s. */
const DEFAULT_TIMEOUT = 15_000

/** Unknown fields are refused: by default the API server drops a misspelt `affinity` silently. */
const STRICT: Query = { fieldValidation: 'Strict' }

/**
 * Credentials are read again after this many milliseconds: tokens in pods rotate, and reading the file for each call
 * would be wasteful.
 */
const CREDENTIALS_AGE = 5_000

/**
 * A client for the Kubernetes API in plain JSON. It has no typed models: those turn times into Date and drop unknown
 * fields, which an object written back would lose.
 */
export class KubeClient {
  readonly #config: PooledConfig
  readonly #options: ClientOptions
  #credentials: { readonly readAt: number; readonly context: Promise<RequestContext> } | undefined

  constructor(config: PooledConfig, options: ClientOptions = {}) {
    this.#config = config
    this.#options = options
  }

  /** Returns a client on the same connections with this guard. */
  guarded(guard: () => void): KubeClient {
    return new KubeClient(this.#config, { ...this.#options, guard })
  }

  list<T extends KubeObject = KubeObject>(
    resource: Resource,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const { namespace, query } = options
    return this.#read(pathOf(resource, { namespace }), options, query)
  }

  get<T extends KubeObject = KubeObject>(
    resource: Resource,
    at: Location,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#read(pathOf(resource, at), options)
  }

  /** Creates the object (POST); fails if an object of this name exists. */
  create<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: NoInfer<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const { namespace } = object.metadata
    return this.#write('POST', pathOf(resource, { namespace }), options, { query: STRICT, body: object })
  }

  replace<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: NoInfer<T> & Update,
    options: CallOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata
    return this.#write('PUT', pathOf(resource, { namespace, name }), options, {
      query: STRICT,
      body: object,
    })
  }

  /**
   * Replaces the status. Only `status` and the names, UID and version in the metadata matter; the rest may be
   * omitted.
   */
  replaceStatus<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: NoInfer<T> & Update,
    options: CallOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata
    const path = pathOf(resource, { namespace, name, subresource: 'status' })
    return this.#write('PUT', path, options, { body: object })
  }

  /**
   * Patches the named paths only if the object is still at that version; otherwise 409, as for a PUT. (A `test`
   * operation would fail with 422.)
   */
  patch<T extends KubeObject = KubeObject>(
    resource: Resource,
    at: Location & { readonly resourceVersion: string },
    operations: JsonPatch,
    options: CallOptions = {},
  ): Promise<T> {
    const version = { op: 'replace', path: '/metadata/resourceVersion', value: at.resourceVersion }
    return this.#write('PATCH', pathOf(resource, at), options, {
      body: [version, ...operations],
      contentType: 'application/json-patch+json',
    })
  }

  /** Deletes the object. With `uid`, another object that has taken its name is left alone (409). */
  async remove(resource: Resource, at: Location, options: RemoveOptions = {}): Promise<void> {
    const { uid, propagation = 'Background' } = options
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation,
      preconditions: uid === undefined ? undefined : { uid },
    }
    await this.#write('DELETE', pathOf(resource, at), options, { body })
  }

  /** Opens a watch. The events end when the server closes it, and throw when the connection breaks or times out. */
  async watch(resource: Resource, options: WatchOptions): Promise<AsyncIterable<WatchEvent>> {
    const { namespace, query, signal, silence } = options
    const path = pathOf(resource, { namespace })
    const { body } = await this.#send('GET', path, { query: { ...query, watch: true }, signal, silence })
    return readJsonLines<WatchEvent>(body, (error) => unreachable('WATCH', path, error))
  }

  #read<T>(path: string, options: CallOptions, query: Query = {}): Promise<T> {
    return withLimit(options, async (signal) => {
      const { body } = await this.#send('GET', path, { query, signal })
      return parseAnswer<T>(body, 'GET', path)
    })
  }

  #write<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    options: CallOptions,
    { query, body, contentType = 'application/json' }: Pick<Outgoing, 'query' | 'body' | 'contentType'>,
  ): Promise<T> {
    const { fieldManager } = this.#options
    const all = method === 'DELETE' ? {} : { fieldManager, ...query }
    return withLimit(options, async (signal) => {
      const response = await this.#send(method, path, { query: all, body, contentType, signal })
      return parseAnswer<T>(response.body, method, path)
    })
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    { query = {}, body, contentType, signal, silence }: Outgoing,
  ): Promise<Dispatcher.ResponseData> {
    const credentials = await this.#credential()
    const dispatcher = credentials.getDispatcher()
    const text = body === undefined ? null : JSON.stringify(body)
    // Nothing may be awaited between the guard and the request: a process that was paused may no longer lead when it
    // wakes.
    if (method !== 'GET') this.#options.guard?.()
    const answer = request(
      `${serverOf(this.#config)}${path}${search(query)}`,
      defined({
        dispatcher,
        method,
        headers: defined({
          ...trimmed(credentials.getHeaders()),
          accept: 'application/json',
          'user-agent': 'rapidrmf-operator',
          'content-type': contentType,
        }),
        body: text,
        signal,
        headersTimeout: silence,
        bodyTimeout: silence,
      }),
    )
    const response = await answer.catch((error: unknown) => {
      throw unreachable(method, path, error)
    })
    this.#hear(response)
    if (response.statusCode >= 200 && response.statusCode < 300) return response
    if (response.statusCode === 401) this.#credentials = undefined
    throw await refusal(response, method, path)
  }

  #hear({ headers: { date } }: Dispatcher.ResponseData): void {
    if (typeof date === 'string') this.#options.onDate?.(date)
  }

  #credential(): Promise<RequestContext> {
    const now = performance.now()
    if (this.#credentials === undefined || now - this.#credentials.readAt > CREDENTIALS_AGE) {
      const context = new RequestContext(serverOf(this.#config), HttpMethod.GET)
      const ready = this.#config.applySecurityAuthentication(context).then(() => context)
      this.#credentials = { readAt: now, context: ready }
      // A failed exec plugin may succeed the next time.
      ready.catch(() => (this.#credentials = undefined))
    }
    return this.#credentials.context
  }
}

/** Avoids AbortSignal.any, which leaks 0.8 kB per call for a signal that lives as long as the operator. */
async function withLimit<T>(
  { timeout = DEFAULT_TIMEOUT, signal }: CallOptions,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(new SilenceError(`no answer within ${timeout} ms`)), timeout)
  const stop = (): void => abort.abort(signal?.reason)
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await call(abort.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function search(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

/** Trims header values: a token file may end in a newline, which a header must not contain. */
function trimmed(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()]))
}
