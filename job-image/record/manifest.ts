import { sha256 } from '../../common/sha256.ts'
import { formatTimestamp, parseTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'
import { holdingsOf } from '../validation/evidence.ts'
import type { EvidenceRow } from '../validation/model.ts'

/** A row of evidence with the digest of its content: what the record says was evaluated. */
export type ManifestRow = EvidenceRow & {
  /** sha256 of the evidence, as the row states it. */
  readonly sha256: string
}

/** The stored form of one row. Times are ISO-8601 in UTC; null: the evidence does not expire. */
type StoredRow = readonly [
  id: number,
  type: string,
  key: string,
  sha256: string,
  collectedAt: string,
  expiresAt: string | null,
]

export type EncodedManifest = {
  /** JSON: a list of rows, ordered by id. */
  readonly text: string
  /** sha256 of the text. */
  readonly digest: Buffer
}

/** The evidence that the decisions about one system depend on, as it is stored. */
export function encodeManifest(rows: readonly ManifestRow[]): EncodedManifest {
  const stored = rows
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, type, key, sha256, collectedAt, expiresAt }): StoredRow => {
      const expiry = expiresAt === null ? null : formatTimestamp(expiresAt)
      return [id, type, key, sha256, formatTimestamp(collectedAt), expiry]
    })
  const text = JSON.stringify(stored)
  return { text, digest: sha256(text) }
}

/** Reads a stored manifest. Throws if it has another form. */
export function decodeManifest(text: string): ManifestRow[] {
  const stored = JSON.parse(text) as readonly StoredRow[]
  return stored.map(([id, type, key, sha256, collectedAt, expiresAt]) => ({
    id,
    type,
    key,
    sha256,
    collectedAt: parseTimestamp(collectedAt),
    expiresAt: expiresAt === null ? null : parseTimestamp(expiresAt),
  }))
}

/** Type → key of its newest valid row at the reference time, ordered by type: what decisions name as their evidence. */
export function keysByType(rows: readonly EvidenceRow[], referenceTime: Micros): Map<string, string> {
  const types = [...new Set(rows.map(({ type }) => type))].sort()
  const holdings = holdingsOf(new Map(types.map((type, index) => [type, index])), rows, referenceTime)
  return new Map(
    types.flatMap((type, index) => {
      const valid = holdings[index]?.valid
      return valid === undefined ? [] : [[type, valid.key] as const]
    }),
  )
}
