import type { Logger } from 'pino'
import type { Caches } from './caches.ts'
import type { Access } from '../kube/reflector.ts'

/** Name of the watch of all namespaces; no namespace can have this name. */
const ALL = '*'

export type CoverageOptions = {
  readonly caches: Caches
  /** Undefined for all namespaces. */
  readonly namespaces: readonly string[] | undefined
  readonly log: Logger
  /** Called when all resources of this namespace can be read, for the first time or again. */
  readonly onReadable: (namespace: string) => void
}

/**
 * Tracks which namespaces the operator can read. A deleted namespace takes its Role with it, and its objects are
 * refused from then on. It must not block the other namespaces, and nothing may be concluded from objects that cannot
 * be read.
 */
export class Coverage {
  /** Resolves when every namespace was read or refused, and at least one can be read. */
  readonly synced: Promise<void>
  readonly #options: CoverageOptions
  readonly #known = new Map<string, Access>()
  #markSynced!: () => void

  constructor(options: CoverageOptions) {
    this.#options = options
    this.synced = new Promise((resolve) => (this.#markSynced = resolve))
    for (const namespace of this.namespaces) this.#known.set(namespace, 'pending')
  }

  /** The configured namespaces; `*` stands for all. */
  get namespaces(): readonly string[] {
    return this.#options.namespaces ?? [ALL]
  }

  /** True if every resource of this namespace was read and may still be read. */
  isReadable(namespace: string): boolean {
    return this.#accessTo(namespace) === 'granted'
  }

  /** Returns why the operator is not ready; undefined if it is. */
  problem(): string | undefined {
    const pending = this.namespaces.filter((namespace) => this.#accessTo(namespace) === 'pending')
    if (pending.length > 0) return `still reading ${this.#missing(pending).join(', ')}`
    if (this.namespaces.some((namespace) => this.isReadable(namespace))) return undefined
    return `no namespace can be read: ${this.#refusal(this.namespaces[0] ?? ALL)}`
  }

  /** Must be called whenever the access to some objects has changed. */
  update(): void {
    const { log, onReadable } = this.#options
    for (const namespace of this.namespaces) {
      const access = this.#accessTo(namespace)
      const before = this.#known.get(namespace)
      if (access === before) continue
      this.#known.set(namespace, access)
      if (access === 'refused') {
        const reason = this.#refusal(namespace)
        log.warn({ namespace, reason }, 'cannot read the namespace; skipping its schedules and retrying')
      } else if (access === 'granted') {
        if (before === 'refused') log.info({ namespace }, 'the namespace can be read again')
        onReadable(namespace)
      }
    }
    if (this.problem() === undefined) this.#markSynced()
  }

  #accessTo(namespace: string): Access {
    const all = this.#reflectors(namespace).map(({ reflector }) => reflector?.access ?? 'granted')
    if (all.includes('refused')) return 'refused'
    return all.includes('pending') ? 'pending' : 'granted'
  }

  /** The error message of the API server. */
  #refusal(namespace: string): string {
    const refused = this.#reflectors(namespace).find(({ reflector }) => reflector?.access === 'refused')
    return refused?.reflector?.lastError ?? 'refused'
  }

  #missing(namespaces: readonly string[]): string[] {
    const missing = namespaces
      .flatMap((namespace) => this.#reflectors(namespace))
      .filter(({ reflector }) => reflector?.access === 'pending')
    return [...new Set(missing.map(({ kind }) => kind))]
  }

  #reflectors(namespace: string) {
    return Object.entries(this.#options.caches).map(([kind, cache]) => ({
      kind,
      reflector: cache.reflectorOf(namespace),
    }))
  }
}
