import type { Change, ReflectorOptions } from './reflector.ts'
import { Reflector } from './reflector.ts'
import { splitKey } from './object.ts'
import type { Cached, Store } from './store.ts'
import { Expectations } from './expectations.ts'

export type ResourceCacheOptions<T extends Cached, Index extends string> = Omit<
  ReflectorOptions<T>,
  'store' | 'namespace' | 'onChange'
> & {
  readonly store: Store<T, Index>
  /** Undefined for one watch of all namespaces; otherwise one watch for each. */
  readonly namespaces?: readonly string[] | undefined
  readonly onChange: (change: Change<T>) => void
}

/** The cache of one resource: a store with one watch, or with one for each namespace. */
export class ResourceCache<T extends Cached, Index extends string = never> {
  readonly store: Store<T, Index>
  /** The operator's own writes of this resource. */
  readonly expectations: Expectations
  readonly #reflectors: ReadonlyMap<string | undefined, Reflector<T>>

  constructor({ namespaces, ...options }: ResourceCacheOptions<T, Index>) {
    this.store = options.store
    this.#reflectors = new Map(
      (namespaces ?? [undefined]).map((namespace) => [namespace, new Reflector({ ...options, namespace })]),
    )
    this.expectations = new Expectations((key, version) => this.hasSeen(splitKey(key).namespace, version))
  }

  get reflectors(): readonly Reflector<T>[] {
    return [...this.#reflectors.values()]
  }

  /** Returns the reflector that watches this namespace, alone or with all others. */
  reflectorOf(namespace: string): Reflector<T> | undefined {
    return this.#reflectors.get(namespace) ?? this.#reflectors.get(undefined)
  }

  hasSeen(namespace: string, version: string): boolean {
    return this.reflectorOf(namespace)?.hasSeen(version) ?? true
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.run(signal)))
  }
}
