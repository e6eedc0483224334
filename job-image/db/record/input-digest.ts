/**
 * SQL of the digest of all inputs of one system's decisions except time: sha256 over the plan's digest and the system's
 * evidence. `plan` and `system` are SQL: a bytea, and the id of a system.
 *
 * PostgreSQL quotes values in the text of a row, so different lists of rows have different texts; session settings fix
 * the format of times. textsend, because a conversion to another encoding may fail. OFFSET 0: see CLAIM.
 */
export function inputDigest(plan: string, system: string): string {
  return `(
    SELECT sha256(${plan} || textsend(coalesce(string_agg(
             ROW (e.id, e.evidence_type, e.key, e.sha256, e.collected_at, e.expires_at)::text, '' ORDER BY e.id), '')))
      FROM (SELECT * FROM evidence WHERE system_id = ${system} OFFSET 0) e)`
}
