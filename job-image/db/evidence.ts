import type { Client } from 'pg'
import { parseTimestamp } from '../time.ts'
import type { EvidenceRow } from '../validation/model.ts'

/** The columns of evidence that a decision needs, in the order of `EvidenceTuple`. */
export const EVIDENCE_COLUMNS = 'e.id, e.evidence_type, e.key, e.collected_at, e.expires_at'

/** id, type, key, collected_at, expires_at; timestamps as PostgreSQL's text. */
export type EvidenceTuple = [number, string, string, string, string | null]

export function toEvidence([id, type, key, collectedAt, expiresAt]: EvidenceTuple): EvidenceRow {
  return {
    id,
    type,
    key,
    collectedAt: parseTimestamp(collectedAt),
    expiresAt: expiresAt === null ? null : parseTimestamp(expiresAt),
  }
}

/** The evidence of one system, ordered by id. */
export async function listEvidenceForSystem(client: Client, systemId: number): Promise<EvidenceRow[]> {
  return (await listEvidenceForSystems(client, [systemId])).get(systemId) ?? []
}

/** The evidence of many systems in one statement, by system id; a system without any is not in the map. */
export async function listEvidenceForSystems(
  client: Client,
  systemIds: readonly number[],
): Promise<Map<number, EvidenceRow[]>> {
  const { rows } = await client.query<[number, ...EvidenceTuple]>({
    text: `SELECT e.system_id, ${EVIDENCE_COLUMNS} FROM evidence e WHERE e.system_id = ANY($1) ORDER BY e.system_id, e.id`,
    values: [systemIds],
    rowMode: 'array',
  })
  const bySystem = new Map<number, EvidenceRow[]>()
  for (const [systemId, ...tuple] of rows) {
    const known = bySystem.get(systemId)
    if (known === undefined) bySystem.set(systemId, [toEvidence(tuple)])
    else known.push(toEvidence(tuple))
  }
  return bySystem
}
