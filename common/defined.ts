type MayBeUndefined<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T]
type Defined<T> = Omit<T, MayBeUndefined<T>> & { [K in MayBeUndefined<T>]?: Exclude<T[K], undefined> }

/** Copies the object without the keys whose value is undefined, for readers to which such a key is not absent. */
export function defined<const T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>
}
