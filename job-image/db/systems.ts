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

/** What selectors look at; `attributes` as JSON text, because other programs keep anything there. Ordered by id. */
export async function listSelectableSystems(
  client: Client,
  environment: string,
  attributes: boolean,
): Promise<{ id: number; name: string; attributes?: string }[]> {
  const { rows } = await client.query<{ id: number; name: string; attributes?: string }>(
    `SELECT id, name${attributes ? ', attributes::text AS attributes' : ''} FROM systems WHERE environment = $1 ORDER BY id`,
    [environment],
  )
  return rows
}
