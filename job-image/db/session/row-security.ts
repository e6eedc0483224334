import type { Client } from 'pg'
import { InputError } from '../../errors.ts'

/** The tables that a run reads or writes. */
const TABLES = [
  'systems',
  'evidence',
  'catalogs',
  'controls',
  'control_requirements',
  'baselines',
  'baseline_controls',
  'validation_results',
  'job_runs',
  'control_sets',
  'plans',
  'run_queue',
  'run_records',
  'run_details',
  'job_run_controls',
  'job_run_attempts',
  'notification_outbox',
]

/**
 * The remedy if policies apply to a role. Every session sets `row_security` to off, so that PostgreSQL raises an error
 * instead of omitting rows (PostgreSQL manual, "Row Security Policies").
 */
export const ROW_SECURITY_REMEDY =
  'row-level security would omit rows silently, and they would not be validated: use a role with BYPASSRLS (ALTER ROLE … BYPASSRLS), the owner of the tables (where it is not forced on them), or disable it (ALTER TABLE … DISABLE ROW LEVEL SECURITY)'

/** Refuses tables on which policies apply to this role, before anything is written. */
export async function refuseRowSecurity(client: Client): Promise<void> {
  const { rows } = await client.query<{ role: string; name: string }>(
    `SELECT current_user AS role, t.name FROM unnest($1::text[]) AS t (name)
      WHERE to_regclass(t.name) IS NOT NULL AND row_security_active(to_regclass(t.name)) ORDER BY t.name`,
    [TABLES],
  )
  const [first] = rows
  if (first === undefined) return
  const tables = rows.map(({ name }) => name).join(', ')
  throw new InputError(
    `policies apply to role "${first.role}" on ${rows.length === 1 ? 'table' : 'tables'} ${tables}: ${ROW_SECURITY_REMEDY}`,
  )
}
