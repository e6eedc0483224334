import type { Client } from 'pg'
import { InputError } from '../../errors.ts'

/**
 * A table lacks rows that were written although no statement failed: a trigger that returns NULL, or a rule, drops rows
 * silently.
 */
export class DroppedRows extends InputError {
  readonly table: string

  constructor(table: string, message: string) {
    super(message)
    this.table = table
  }
}

/** The error, with the names of possible causes. `missing` describes what the table does not hold. */
export async function droppedRows(client: Client, table: string, missing: string): Promise<DroppedRows> {
  const suspects = await suspectsOf(client, table)
  const cause =
    suspects.length === 0 ? 'a trigger or a rule must have dropped or changed rows' : suspects.join(', ')
  return new DroppedRows(
    table,
    `table ${table} does not hold ${missing}, although the database reported no error. What may drop or change rows: ` +
      `${cause}. Remove it or let these rows pass, then start again`,
  )
}

/** The user-defined triggers and rules of a table. */
async function suspectsOf(client: Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ suspect: string }>(
    `SELECT format('trigger %I', tgname) AS suspect FROM pg_trigger
      WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND tgenabled <> 'D'
     UNION ALL
     SELECT format('rule %I', rulename) FROM pg_rewrite
      WHERE ev_class = to_regclass($1) AND ev_type <> '1' AND ev_enabled <> 'D'
      ORDER BY 1`,
    [table],
  )
  return rows.map(({ suspect }) => suspect)
}
