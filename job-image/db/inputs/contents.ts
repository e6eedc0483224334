import type { Client } from 'pg'

/** The contents of a database, as far as its tables exist. */
export type Contents = {
  /** Systems by environment, ordered by its name. */
  readonly systems: readonly { readonly environment: string; readonly count: number }[]
  readonly controls: number
}

export async function databaseContents(client: Client): Promise<Contents> {
  type Tables = { systems: boolean; controls: boolean }
  const { rows } = await client.query<Tables>(
    `SELECT to_regclass('systems') IS NOT NULL AS systems, to_regclass('controls') IS NOT NULL AS controls`,
  )
  const tables = rows[0] as Tables
  return {
    systems: tables.systems ? await countSystems(client) : [],
    controls: tables.controls ? await countControls(client) : 0,
  }
}

async function countSystems(client: Client): Promise<Contents['systems']> {
  const { rows } = await client.query<Contents['systems'][number]>(
    `SELECT environment, count(*)::int AS count FROM systems GROUP BY environment ORDER BY environment`,
  )
  return rows
}

async function countControls(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM controls')
  return rows[0]?.count ?? 0
}

/** Those of these names that belong to systems of other environments. */
export async function namesElsewhere(
  client: Client,
  names: readonly string[],
  environment: string,
): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM systems WHERE name = ANY ($1) AND environment <> $2 ORDER BY name',
    [names, environment],
  )
  return rows.map(({ name }) => name)
}
