/**
 * SQL of the digest of everything that the decisions of one system depend on, time apart: sha256 over the plan's own
 * digest and the system's evidence. `plan` and `system` are SQL: a bytea, and the id of a system.
 *
 * The text of a row quotes what needs it, so no two lists of rows have the same text; session settings fix how it shows
 * a time. textsend, because the conversion to another encoding may refuse what is stored. OFFSET 0: see CLAIM.
 */
export function inputDigest(plan: string, system: string): string {
  return `(
    SELECT sha256(${plan} || textsend(coalesce(string_agg(
             ROW (e.id, e.evidence_type, e.key, e.sha256, e.collected_at, e.expires_at)::text, '' ORDER BY e.id), '')))
      FROM (SELECT * FROM evidence WHERE system_id = ${system} OFFSET 0) e)`
}
