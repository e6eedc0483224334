import type { Client } from 'pg'
import { parseTimestamp } from '../../time.ts'
import type { EvidenceRow } from '../../validation/model.ts'

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

/**
 * SQL of the rows of one system that its decisions can depend on at the moment `at`: for each of the `types`, the newest
 * valid row, a row with the latest past expiry, and the rows with the next collection or expiry. Decisions, their messages
 * and the next change are the same as with all rows (`holdingsOf`, `nextChange`), and memory does not grow with the number
 * of rows. `system`, `types` and `at` are SQL: an id, a bytea[] of UTF-8 (independent of the encoding of the database and
 * the collation of the column), and a timestamp.
 *
 * The OFFSET 0 has the reason that CLAIM gives.
 */
export function decisiveEvidence(system: string, types: string, at: string): string {
  return `
    WITH asked AS MATERIALIZED (
      SELECT e.id, e.evidence_type, e.key, e.collected_at, e.expires_at, e.sha256,
             e.expires_at IS NULL OR e.expires_at > ${at} AS valid, convert_to(e.evidence_type::text, 'UTF8') AS type
        FROM (SELECT * FROM evidence WHERE system_id = ${system} OFFSET 0) e
       WHERE convert_to(e.evidence_type::text, 'UTF8') = ANY (${types})),
    moments AS (
      SELECT type, max(collected_at) FILTER (WHERE valid) AS newest, max(expires_at) FILTER (WHERE NOT valid) AS expired,
             min(collected_at) FILTER (WHERE collected_at > ${at}) AS appears,
             min(expires_at) FILTER (WHERE expires_at > ${at}) AS expires
        FROM asked GROUP BY type)
    SELECT DISTINCT id, evidence_type, key, collected_at, expires_at, sha256
      FROM (SELECT DISTINCT ON (e.type, use.kind) e.*
              FROM asked e JOIN moments m ON m.type = e.type
             CROSS JOIN LATERAL (
                    VALUES (1, e.valid AND e.collected_at = m.newest), (2, e.expires_at = m.expired),
                           (3, e.collected_at = m.appears), (4, e.expires_at = m.expires)) AS use (kind, fits)
             WHERE use.fits
             ORDER BY e.type, use.kind, convert_to(e.key::text, 'UTF8'), e.id) used`
}

/** The parameter `types` of `decisiveEvidence`. */
export function typesParameter(types: readonly string[]): Buffer[] {
  return types.map((type) => Buffer.from(type))
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
