import type { Client } from 'pg'
import { InputError } from '../../errors.ts'

/** SQL_ASCII stores any bytes, and this program sends UTF-8. */
const USABLE = ['UTF8', 'SQL_ASCII']

export type Encoding = {
  readonly encoding: string
  /** Null if any text can be stored. */
  readonly problem: string | null
}

/** The encoding of the database, which is chosen when it is created. */
export async function databaseEncoding(client: Client): Promise<Encoding> {
  const { rows } = await client.query<{ encoding: string; name: string }>(
    'SELECT getdatabaseencoding() AS encoding, current_database() AS name',
  )
  const { encoding = '', name = '' } = rows[0] ?? {}
  const problem = `the encoding of database "${name}" is ${encoding}, which cannot store every text (catalogs have dashes and quotation marks that are not in it); create a database with ENCODING 'UTF8' TEMPLATE template0, and move what this one holds there with pg_dump`
  return { encoding, problem: USABLE.includes(encoding) ? null : problem }
}

/** Throws an InputError for an encoding that cannot store every character, before anything is stored. */
export async function refuseEncoding(client: Client): Promise<void> {
  const { problem } = await databaseEncoding(client)
  if (problem !== null) throw new InputError(`${problem}; nothing was changed`)
}
