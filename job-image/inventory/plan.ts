import { isDeepStrictEqual } from 'node:util'
import type { Micros } from '../time.ts'
import type { InventoryEvidence, InventorySystem } from './inventory.ts'

/** A row of `systems` as it is stored; `attributes` is the JSON text. */
export type StoredSystem = {
  readonly id: number
  readonly name: string
  readonly environment: string
  readonly description: string | null
  readonly attributes: string
}

/** A row of `evidence` as it is stored. */
export type StoredEvidence = {
  readonly id: number
  readonly type: string
  readonly key: string
  readonly sha256: string
  readonly filename: string | null
  readonly size: number | null
  readonly collectedAt: Micros
  readonly expiresAt: Micros | null
  readonly attributes: string
}

export type SystemState = 'added' | 'changed' | 'moved' | 'unchanged'

export type EvidencePlan = {
  readonly insert: readonly InventoryEvidence[]
  readonly update: readonly { readonly id: number; readonly evidence: InventoryEvidence }[]
  /** Ids of rows that the file does not name; empty unless pruning. */
  readonly remove: readonly number[]
  readonly unchanged: number
}

/** `moved` wins over `changed`; the caller decides whether it is allowed. */
export function systemState(wanted: InventorySystem, stored: StoredSystem | undefined): SystemState {
  if (stored === undefined) return 'added'
  if (wanted.environment !== stored.environment) return 'moved'
  const same =
    isKept(wanted.description, stored.description) && isKeptJson(wanted.attributes, stored.attributes)
  return same ? 'unchanged' : 'changed'
}

/**
 * What makes the evidence of one system as the file declares it. A row is known by its sha256; where other programs
 * stored one content several times, the row that is right already is the one, else the oldest.
 */
export function planEvidence(
  wanted: InventorySystem['evidence'],
  stored: readonly StoredEvidence[],
  options: { readonly prune: boolean },
): EvidencePlan {
  const bySha256 = Map.groupBy(stored, ({ sha256 }) => sha256)
  const insert: InventoryEvidence[] = []
  const update: { id: number; evidence: InventoryEvidence }[] = []
  for (const evidence of wanted ?? []) {
    const rows = bySha256.get(evidence.sha256) ?? []
    if (rows.some((row) => isSame(evidence, row))) continue
    const [oldest] = rows.toSorted((a, b) => a.id - b.id)
    if (oldest === undefined) insert.push(evidence)
    else update.push({ id: oldest.id, evidence })
  }
  const named = new Set(wanted?.map(({ sha256 }) => sha256))
  const pruned = options.prune && wanted !== undefined
  const remove = pruned ? stored.filter(({ sha256 }) => !named.has(sha256)).map(({ id }) => id) : []
  return { insert, update, remove, unchanged: (wanted?.length ?? 0) - insert.length - update.length }
}

function isSame(wanted: InventoryEvidence, stored: StoredEvidence): boolean {
  return (
    wanted.type === stored.type &&
    wanted.key === stored.key &&
    wanted.collectedAt === stored.collectedAt &&
    wanted.expiresAt === stored.expiresAt &&
    isKept(wanted.filename, stored.filename) &&
    isKept(wanted.size, stored.size) &&
    isKeptJson(wanted.attributes, stored.attributes)
  )
}

function isKept<T>(wanted: T | undefined, stored: T | null): boolean {
  return wanted === undefined || wanted === stored
}

function isKeptJson(wanted: unknown, stored: string): boolean {
  return wanted === undefined || isDeepStrictEqual(wanted, JSON.parse(stored))
}
