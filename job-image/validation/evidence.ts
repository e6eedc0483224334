import type { Micros } from '../time.ts'
import type { EvidenceRow } from './model.ts'

/** The evidence of one type that a system has at the reference time. */
export type Holding = {
  /** The newest valid row; undefined if there is none. */
  readonly valid: EvidenceRow | undefined
  /** The latest expiry among expired rows; reported only if no row is valid. */
  readonly expiredAt: Micros | undefined
}

export const NOTHING: Holding = { valid: undefined, expiredAt: undefined }

/**
 * One holding per required type, by type index; independent of the order of the rows.
 * A row is valid only if its expiry is strictly after the reference time.
 */
export function holdingsOf(
  typeIndex: ReadonlyMap<string, number>,
  evidence: readonly EvidenceRow[],
  referenceTime: Micros,
): readonly Holding[] {
  const holdings: Holding[] = Array.from(typeIndex, () => NOTHING)
  for (const row of evidence) {
    const type = typeIndex.get(row.type)
    if (type === undefined) continue
    const held = holdings[type] ?? NOTHING
    if (isValid(row, referenceTime)) {
      if (held.valid === undefined || isNewer(row, held.valid)) holdings[type] = { ...held, valid: row }
    } else if (held.expiredAt === undefined || (row.expiresAt ?? 0) > held.expiredAt) {
      holdings[type] = { ...held, expiredAt: row.expiresAt ?? undefined }
    }
  }
  return holdings
}

export function isValid({ expiresAt }: EvidenceRow, referenceTime: Micros): boolean {
  return expiresAt === null || expiresAt > referenceTime
}

/**
 * True if `row` was collected later; ties are broken by the lower key, then the lower id, so that the order of the rows
 * does not matter. Keys are compared as UTF-8, by code point, as in `decisiveEvidence`.
 */
function isNewer(row: EvidenceRow, other: EvidenceRow): boolean {
  if (row.collectedAt !== other.collectedAt) return row.collectedAt > other.collectedAt
  if (row.key !== other.key) return Buffer.compare(Buffer.from(row.key), Buffer.from(other.key)) < 0
  return row.id < other.id
}

/**
 * The first moment after the reference time at which the same rows may lead to another decision or message: the next
 * expiry, or the collection time of evidence from the future. Null for never.
 */
export function nextChange(
  typeIndex: ReadonlyMap<string, number>,
  evidence: readonly EvidenceRow[],
  referenceTime: Micros,
): Micros | null {
  let next = Infinity
  for (const { type, collectedAt, expiresAt } of evidence) {
    if (!typeIndex.has(type)) continue
    if (collectedAt > referenceTime) next = Math.min(next, collectedAt)
    if (expiresAt !== null && expiresAt > referenceTime) next = Math.min(next, expiresAt)
  }
  return next === Infinity ? null : next
}
