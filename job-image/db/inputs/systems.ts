import type { Client } from 'pg'

export type SystemRow = { readonly id: number; readonly name: string; readonly environment: string }

/** The systems of one environment, ordered by id. */
export async function listSystemsByEnvironment(client: Client, environment: string): Promise<SystemRow[]> {
  const { rows } = await client.query<SystemRow>(
    'SELECT id, name, environment FROM systems WHERE environment = $1 ORDER BY id',
    [environment],
  )
  return rows
}

/**
 * SQL: the bytes of a text in UTF-8. A database that checks none (SQL_ASCII) may hold others, which it refuses to send as
 * a text; as bytes they cost a system some characters of its name, and not everyone the selection.
 */
function utf8(text: string): string {
  return `convert_to(${text}, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)`
}

/** The columns that selectors use; `attributes` as JSON text, because other programs store any JSON. Ordered by id. */
export async function listSelectableSystems(
  client: Client,
  environment: string,
  attributes: boolean,
): Promise<{ id: number; name: string; attributes: string | undefined }[]> {
  const { rows } = await client.query<{ id: number; name: Buffer; attributes?: Buffer }>(
    `SELECT id, ${utf8('name')} AS name${attributes ? `, ${utf8('attributes::text')} AS attributes` : ''}
       FROM systems WHERE environment = $1 ORDER BY id`,
    [environment],
  )
  return rows.map((row) => ({
    id: row.id,
    name: row.name.toString(),
    attributes: row.attributes?.toString(),
  }))
}
