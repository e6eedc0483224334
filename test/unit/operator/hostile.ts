/** A text that no field of Kubernetes needs. */
export const LONG_TEXT = 'x'.repeat(1_000_000)

/** Values that a user of the namespace may write into an annotation that should be a time. */
export const HOSTILE: readonly [string, string][] = [
  ['the past', '1990-01-01T00:00:00Z'],
  ['the future', '2099-01-01T00:00:00Z'],
  ['no time', 'banana'],
  ['nothing', ''],
  ['a book', LONG_TEXT],
]
