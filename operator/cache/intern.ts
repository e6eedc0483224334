/** When so many are known, all are forgotten: words come back at once, names of what is gone do not. */
const CAPACITY = 20_000
/** Longer texts are hardly ever the same. */
const LONGEST = 128

const known = new Map<string, string>()

/**
 * The one copy of a text that many objects hold: JSON.parse makes each value anew, and thirty thousand Jobs would hold
 * their namespace and the few words of their ends thirty thousand times.
 */
export function intern(text: string): string {
  if (text.length > LONGEST) return text
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= CAPACITY) known.clear()
  known.set(text, text)
  return text
}

/** The same for all texts within, in place: a copy would be larger than what has just been parsed. */
export function internWithin<T>(value: T): T {
  if (typeof value === 'string') return intern(value) as T
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  for (const [key, field] of Object.entries(fields)) {
    if (typeof field === 'string' || typeof field === 'object') fields[key] = internWithin(field)
  }
  return value
}
