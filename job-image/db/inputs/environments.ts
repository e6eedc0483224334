import type { Client } from 'pg'

/**
 * The environments that systems or runs in this database belong to, by name. None where the tables do not exist yet, or
 * have another shape.
 */
export async function listEnvironments(client: Client): Promise<string[]> {
  const tables = await client.query<{ name: string }>(
    `SELECT attrelid::regclass::text AS name FROM pg_attribute
      WHERE attrelid IN (to_regclass('systems'), to_regclass('job_runs'))
        AND attname = 'environment' AND NOT attisdropped`,
  )
  if (tables.rows.length === 0) return []
  const selects = tables.rows.map(({ name }) => `SELECT environment::text FROM ${name}`)
  const { rows } = await client.query<{ environment: string }>(
    `SELECT DISTINCT environment FROM (${selects.join(' UNION ')}) e WHERE environment IS NOT NULL ORDER BY environment`,
  )
  return rows.map(({ environment }) => environment)
}
