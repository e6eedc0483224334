import type { Client } from 'pg'

/** The systems that a reading command selects. */
export type SystemFilter = {
  readonly environment?: string | undefined
  /** A name, or a pattern with `*` and `?`. */
  readonly system?: string | undefined
}

export type SystemName = { readonly id: number; readonly name: string; readonly environment: string }

// $1 environment, $2 LIKE pattern; both may be null.
const WANTED = `($1::text IS NULL OR s.environment = $1) AND ($2::text IS NULL OR s.name LIKE $2)`

/**
 * The next systems by name (in the database's collation) after `after`. Names are unique and indexed, so this reads only
 * the index range of the page.
 */
export async function systemPage(
  client: Client,
  filter: SystemFilter & { readonly runId?: number | undefined },
  after: string | undefined,
  size: number,
): Promise<SystemName[]> {
  const ofRun =
    filter.runId === undefined
      ? 'TRUE'
      : 'EXISTS (SELECT FROM run_records q WHERE q.job_run_id = $5 AND q.system_id = s.id)'
  const { rows } = await client.query<SystemName>(
    `SELECT s.id, s.name, s.environment FROM systems s
      WHERE ($3::text IS NULL OR s.name > $3) AND ${WANTED} AND ${ofRun}
      ORDER BY s.name LIMIT $4`,
    [...wantedValues(filter), after ?? null, size, ...(filter.runId === undefined ? [] : [filter.runId])],
  )
  return rows
}

/** True if the database has any system that the filter means, whether it has results or not. */
export async function hasSystem(client: Client, filter: SystemFilter): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM systems s WHERE ${WANTED}) AS found`,
    wantedValues(filter),
  )
  return rows[0]?.found === true
}

function wantedValues({ environment, system }: SystemFilter): [string | null, string | null] {
  return [environment ?? null, system === undefined ? null : likePattern(system)]
}

/** The condition on `systems s` that a filter means; its parameters come first. */
export function wantedSystems(filter: SystemFilter): { condition: string; values: unknown[] } {
  return { condition: WANTED, values: wantedValues(filter) }
}

/** `*` and `?` as LIKE knows them; what LIKE would take for a wildcard stands for itself. */
export function likePattern(glob: string): string {
  return glob
    .replaceAll(/[\\%_]/g, String.raw`\$&`)
    .replaceAll('*', '%')
    .replaceAll('?', '_')
}
