/** The table is emptied at this size: common texts return at once, names of deleted objects do not. */
const CAPACITY = 20_000
/** Longer texts rarely repeat. */
const LONGEST = 128

const known = new Map<string, string>()

/**
 * Returns one shared copy of a text. JSON.parse creates each value anew, and thirty thousand Jobs would hold their
 * namespace and reason thirty thousand times.
 */
export function intern(text: string): string {
  if (text.length > LONGEST) return text
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= CAPACITY) known.clear()
  known.set(text, text)
  return text
}

/** Interns all texts within a value in place: a copy would be larger than the parsed value. */
export function internWithin<T>(value: T): T {
  if (typeof value === 'string') return intern(value) as T
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  for (const [key, field] of Object.entries(fields)) {
    if (typeof field === 'string' || typeof field === 'object') fields[key] = internWithin(field)
  }
  return value
}
