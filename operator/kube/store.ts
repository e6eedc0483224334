import { keyOf } from './object.ts'

/** The fields that every cached object has. */
export type Cached = {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

/** Returns the values under which an index finds an object. */
export type IndexFunction<T> = (object: T) => readonly string[]

/** Objects by "namespace/name" and by the given indexes. */
export class Store<T extends Cached, Index extends string = never> {
  readonly #objects = new Map<string, T>()
  readonly #functions: readonly [Index, IndexFunction<T>][]
  readonly #indexes: ReadonlyMap<Index, Map<string, Map<string, T>>>

  constructor(indexes: Readonly<Record<Index, IndexFunction<T>>> = {} as Record<Index, IndexFunction<T>>) {
    this.#functions = Object.entries(indexes) as [Index, IndexFunction<T>][]
    this.#indexes = new Map(this.#functions.map(([name]) => [name, new Map()]))
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  /** Returns the objects that the index has under this value, in no particular order. */
  by(index: Index, value: string): readonly T[] {
    const bucket = this.#indexes.get(index)?.get(value)
    return bucket === undefined ? [] : [...bucket.values()]
  }

  set(object: T): void {
    const key = keyOf(object)
    this.delete(key)
    this.#objects.set(key, object)
    for (const [index, values] of this.#functions) {
      const entries = this.#indexes.get(index)
      for (const value of values(object)) {
        const bucket = entries?.get(value)
        if (bucket === undefined) entries?.set(value, new Map([[key, object]]))
        else bucket.set(key, object)
      }
    }
  }

  delete(key: string): void {
    const object = this.#objects.get(key)
    if (object === undefined) return
    this.#objects.delete(key)
    for (const [index, values] of this.#functions) {
      const entries = this.#indexes.get(index)
      for (const value of values(object)) {
        const bucket = entries?.get(value)
        bucket?.delete(key)
        // Empty buckets of deleted schedules would leak.
        if (bucket?.size === 0) entries?.delete(value)
      }
    }
  }
}
