import type { Client } from 'pg'

/** A result that another program stored. Timestamps are PostgreSQL's text, UTC. */
export type ForeignResult = {
  readonly systemId: number
  readonly controlId: number
  /** Label of the enum. */
  readonly status: string
  readonly message: string | null
  readonly evidenceKeys: unknown
  readonly remediation: string | null
  readonly validatedAt: string
  readonly attributes: unknown
  readonly id: string
}

/** A system, and the time after which results of other programs count; null: all of them count. */
export type ForeignSince = { readonly systemId: number; readonly since: string | null }

/**
 * The newest result of other programs for each system and control, where it is later than the system's time.
 * `controlIds` are rows of `controls`; undefined: all.
 */
export async function foreignResults(
  client: Client,
  systems: readonly ForeignSince[],
  controlIds: readonly number[] | undefined,
): Promise<ForeignResult[]> {
  const { rows } = await client.query<ForeignResult>(
    `SELECT DISTINCT ON (v.system_id, v.control_id)
            v.system_id AS "systemId", v.control_id AS "controlId", v.status::text AS status, v.message,
            v.evidence_keys AS "evidenceKeys", v.remediation, v.validated_at::text AS "validatedAt", v.attributes,
            v.id::text AS id
       FROM unnest($1::int[], $2::timestamp[]) s (id, since)
      CROSS JOIN LATERAL (
             SELECT v.* FROM validation_results v
              WHERE v.system_id = s.id AND v.job_run_id IS NULL
                AND v.validated_at >= coalesce(s.since + interval '1 microsecond', '-infinity')
                AND ($3::int[] IS NULL OR v.control_id = ANY ($3))
             OFFSET 0) v
      ORDER BY v.system_id, v.control_id, v.validated_at DESC, v.id DESC`,
    [systems.map(({ systemId }) => systemId), systems.map(({ since }) => since), controlIds ?? null],
  )
  return rows
}
