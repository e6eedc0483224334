import type { Client } from 'pg'
import { nistIndex } from '../../job-image/oscal/nist-index.ts'
import { displayControlId } from '../../job-image/rules/control-id.ts'

/** The rows that a test inserts into the shared tables, like another program. */
export type World = {
  readonly environment?: string
  readonly systems: number
  /** The control ids of one catalog; by default all 1,189 of NIST SP 800-53 rev5. */
  readonly controls?: readonly string[]
  /** The evidence rows of each system, by type; by default a plausible set with gaps. */
  readonly evidence?: readonly string[]
}

const EVIDENCE = [
  'audit-log',
  'iam-policy',
  'terraform-plan',
  'change-request',
  'mfa-config',
  'backup-config',
  'vulnerability-scan',
  'sbom',
]

/** Fills the tables; returns the systems' ids. */
export async function seedWorld(client: Client, world: World): Promise<number[]> {
  const environment = world.environment ?? 'production'
  const controls = world.controls ?? nistIndex().controls.map(({ id }) => displayControlId(id))
  const catalog = await client.query<{ id: number }>(
    `INSERT INTO catalogs (name, title, framework, loaded_at, attributes)
     VALUES ('nist-800-53-rev5', 'NIST SP 800-53', 'nist-800-53-rev5', '2026-01-01', '{}')
     ON CONFLICT (name) DO UPDATE SET title = excluded.title RETURNING id`,
  )
  await client.query(
    `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
     SELECT $1, c, 'Control ' || c, split_part(c, '-', 1), '{}' FROM unnest($2::text[]) c
      WHERE NOT EXISTS (SELECT FROM controls WHERE catalog_id = $1)`,
    [catalog.rows[0]?.id, controls],
  )
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO systems (name, environment, created_at, attributes)
     SELECT $1 || '-system-' || n, $1, '2026-01-01', '{}' FROM generate_series(1, $2::int) n RETURNING id`,
    [environment, world.systems],
  )
  const ids = rows.map(({ id }) => id)
  await client.query(
    `INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, expires_at, attributes)
     SELECT s, t, t || '/' || s || '.json', md5(t || s) || md5(s || t), '2026-01-01',
            CASE WHEN s % 3 = 0 AND t = 'audit-log' THEN timestamp '2026-02-01' END, '{}'
       FROM unnest($1::int[]) s, unnest($2::text[]) t`,
    [ids, world.evidence ?? EVIDENCE],
  )
  await client.query('ANALYZE')
  return ids
}
