import { sha256Hex } from '../../common/sha256.ts'

/** 128 bits are enough against deliberate collisions. */
const HEX_DIGITS = 32

/** A short digest of a JSON value, independent of the order of keys, which differs between API servers. */
export function digestOf(value: unknown): string {
  return sha256Hex(JSON.stringify(sorted(value))).slice(0, HEX_DIGITS)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]))
}
