import type { Client } from 'pg'

export type StoredColumn = { table: string; column: string; type: string }

/** The columns of these tables, with their types as `format_type` spells them. */
export async function columnsOf(client: Client, tables: readonly string[]): Promise<StoredColumn[]> {
  const { rows } = await client.query<StoredColumn>(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relname = ANY ($1) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`,
    [tables],
  )
  return rows
}

/** The tables of the schema `public`, by name. */
export async function publicTables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
  )
  return rows.map(({ name }) => name).sort()
}
