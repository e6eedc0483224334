import { InputError, asError } from '../errors.ts'
import { formatTimestamp, parseTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'

/** The years that ISO-8601 writes with four digits; databases and programs spell other years differently. */
const FIRST = parseTimestamp('0001-01-01T00:00:00Z')
const END = parseTimestamp('10000-01-01T00:00:00Z')

/** Normalizes a slot to ISO-8601 UTC. Throws an InputError that names `source` for an invalid time. */
export function checkedSlot(source: string, text: string): string {
  const at = momentOf(source, text)
  if (at >= FIRST && at < END) return formatTimestamp(at)
  throw new InputError(
    `${source}: expected a time of the years 1 to 9999 such as 2026-11-24T02:00:00Z, found ${JSON.stringify(text)}`,
  )
}

function momentOf(source: string, text: string): Micros {
  try {
    return parseTimestamp(text)
  } catch (error) {
    throw new InputError(`${source}: ${asError(error).message}; expected a time like 2026-11-24T02:00:00Z`)
  }
}
