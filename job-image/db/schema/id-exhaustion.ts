import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { inTransaction } from '../session/client.ts'

const WARN_AT = 0.8

/** The largest id by `pg_type.typname` of the column. A bigint ends with its sequence. */
const LARGEST: Readonly<Record<string, number>> = { int2: 32_767, int4: 2_147_483_647 }

/** How many ids of `validation_results` are used and left. */
export type IdSpace = { readonly last: number; readonly left: number; readonly used: number }

type Ids = {
  /** `pg_type.typname`; for a domain that of its base type. */
  readonly type: string
  /** The sequence of the column's default, owned by the column or not; null if there is none. */
  readonly sequence: string | null
  readonly largest: number | null
  readonly step: number | null
  readonly last: number | null
}

async function resultIds(client: Client): Promise<Ids | undefined> {
  const { rows } = await client.query<Ids>(
    `SELECT t.typname AS type, s.seqrelid::regclass::text AS sequence, s.seqmax::float8 AS largest,
            s.seqincrement::float8 AS step, pg_sequence_last_value(s.seqrelid)::float8 AS last
       FROM pg_attribute a
       JOIN pg_type d ON d.oid = a.atttypid
       JOIN pg_type t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
       LEFT JOIN pg_sequence s ON s.seqrelid = coalesce(
              (SELECT e.refobjid FROM pg_attrdef f JOIN pg_depend e ON e.classid = 'pg_attrdef'::regclass AND e.objid = f.oid
                 JOIN pg_class c ON c.oid = e.refobjid AND c.relkind = 'S'
                WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND e.refclassid = 'pg_class'::regclass LIMIT 1),
              pg_get_serial_sequence(a.attrelid::regclass::text, 'id')::regclass)
      WHERE a.attrelid = to_regclass('validation_results') AND a.attname = 'id'`,
  )
  const [ids] = rows
  if (ids === undefined || ids.sequence !== null) return ids
  const { rows: stored } = await client.query<{ last: number | null }>(
    'SELECT max(id)::float8 AS last FROM validation_results',
  )
  return { ...ids, last: stored[0]?.last ?? null }
}

/** The usage of the result ids; undefined for bigint ids, which cannot run out. */
export async function idSpace(client: Client): Promise<IdSpace | undefined> {
  const ids = await resultIds(client)
  return ids && spaceOf(ids)
}

function spaceOf({ type, largest, step, last }: Ids): IdSpace | undefined {
  const limit = Math.min(LARGEST[type] ?? Infinity, largest ?? Infinity)
  if (limit > Number.MAX_SAFE_INTEGER) return undefined
  const used = last ?? 0
  return { last: used, left: Math.max(0, Math.floor((limit - used) / (step ?? 1))), used: used / limit }
}

/**
 * Refuses a run whose results need more ids than are left: it would break while it is running. The id of a table made by
 * RapidRMF is an integer; widening it locks the table, so the user decides when. `selected` counts the results of the
 * run's selection; it is expensive and is called only if the whole environment would not fit.
 */
export async function refuseExhaustedIds(
  client: Client,
  environment: string,
  selected: () => Promise<number>,
  warn: (message: string) => void,
): Promise<void> {
  const space = await idSpace(client)
  if (space === undefined) return
  const { rows } = await client.query<{ results: number }>(
    `SELECT (SELECT count(*) FROM systems WHERE environment = $1)::float8 * (SELECT count(*) FROM controls) AS results`,
    [environment],
  )
  const needed = (rows[0]?.results ?? 0) > space.left ? await selected() : 0
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

/** Changes the ids to bigint. Rewrites the table under an exclusive lock; returns false if they already are bigint. */
export async function widenIds(client: Client): Promise<boolean> {
  const ids = await resultIds(client)
  if (ids === undefined || spaceOf(ids) === undefined) return false
  await inTransaction(client, async () => {
    if (ids.type !== 'int8') await client.query('ALTER TABLE validation_results ALTER COLUMN id TYPE bigint')
    if (ids.sequence !== null) await client.query(`ALTER SEQUENCE ${ids.sequence} AS bigint NO MAXVALUE`)
  })
  return true
}
