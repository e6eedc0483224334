import type { Client } from 'pg'
import { InputError } from '../errors.ts'

const INTEGER_MAX = 2_147_483_647
const WARN_AT = 0.8

/** How far the integer ids of `validation_results` are used up. Undefined: they are bigint, nothing to fear. */
export type IdSpace = { readonly last: number; readonly left: number; readonly used: number }

export async function idSpace(client: Client): Promise<IdSpace | undefined> {
  type Row = { type: string; last: string | null }
  const { rows } = await client.query<Row>(
    `SELECT format_type(a.atttypid, NULL) AS type,
            pg_sequence_last_value(pg_get_serial_sequence('validation_results', 'id')::regclass)::text AS last
       FROM pg_attribute a
      WHERE a.attrelid = to_regclass('validation_results') AND a.attname = 'id'`,
  )
  const [row] = rows
  if (row === undefined || row.type === 'bigint') return undefined
  const last = Number(row.last ?? 0)
  return { last, left: INTEGER_MAX - last, used: last / INTEGER_MAX }
}

/**
 * Refuses a run whose results would not all get an id: it would break in the middle of the night. On a table made by
 * RapidRMF the id is an integer, and widening it locks the table, so that is a person's decision.
 */
export async function refuseExhaustedIds(
  client: Client,
  environment: string,
  warn: (message: string) => void,
): Promise<void> {
  const space = await idSpace(client)
  if (space === undefined) return
  const { rows } = await client.query<{ results: number }>(
    `SELECT (SELECT count(*) FROM systems WHERE environment = $1)::float8 * (SELECT count(*) FROM controls) AS results`,
    [environment],
  )
  const needed = rows[0]?.results ?? 0
  if (needed > space.left) {
    throw new InputError(
      `the ids of validation_results are nearly used up: ${space.left} are left and this run may need ${needed}; run "rapidrmf db widen-ids --yes" (it rewrites the table and locks it meanwhile)`,
    )
  }
  if (space.used >= WARN_AT) {
    warn(
      `${Math.round(space.used * 100)} % of the ids of validation_results are used; plan a "rapidrmf db widen-ids --yes"`,
    )
  }
}

/** Makes the ids bigint. Rewrites the table under an exclusive lock; false if they were bigint already. */
export async function widenIds(client: Client): Promise<boolean> {
  if ((await idSpace(client)) === undefined) return false
  const { rows } = await client.query<{ name: string }>(
    `SELECT pg_get_serial_sequence('validation_results', 'id') AS name`,
  )
  await client.query(`
    BEGIN;
    ALTER TABLE validation_results ALTER COLUMN id TYPE bigint;
    ALTER SEQUENCE ${rows[0]?.name} AS bigint;
    COMMIT`)
  return true
}
