import type { Client } from 'pg'

/** Rows of a table that refer to rows which are to be removed. */
export type Referrers = {
  /** The table, with its schema where the session needs it. */
  readonly table: string
  readonly refersTo: string
  readonly rows: number
}

// pg_constraint lists a partition's copy of a key as well; only the key itself is counted.
const FOREIGN_KEYS = `
  SELECT c.conrelid::regclass::text AS table, c.confrelid::regclass::text AS "refersTo",
         format('SELECT count(*)::int AS rows FROM %s r JOIN %s t ON %s WHERE t.',
                c.conrelid::regclass, c.confrelid::regclass,
                (SELECT string_agg(format('r.%I = t.%I', a.attname, b.attname), ' AND ')
                   FROM unnest(c.conkey, c.confkey) AS k (own, other)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
                   JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other)) AS counting
    FROM pg_constraint c
   WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid = to_regclass($1)
     AND c.conrelid <> ALL ($2::regclass[])
   ORDER BY 1`

/**
 * Tables with rows whose foreign keys lead to rows of `table` of these systems (`column` holds the system's id), those
 * of `except` left out. What a foreign key would do on a removal does not matter: its rows belong to other programs.
 */
export async function referrersOf(
  client: Client,
  table: string,
  column: 'id' | 'system_id',
  systemIds: readonly number[],
  except: readonly string[],
): Promise<Referrers[]> {
  type Key = { table: string; refersTo: string; counting: string }
  const { rows: keys } = await client.query<Key>(FOREIGN_KEYS, [table, except])
  const found: Referrers[] = []
  for (const { table: name, refersTo, counting } of keys) {
    const { rows } = await client.query<{ rows: number }>(`${counting}${column} = ANY ($1)`, [systemIds])
    const count = rows[0]?.rows ?? 0
    if (count > 0) found.push({ table: name, refersTo, rows: count })
  }
  return found
}
