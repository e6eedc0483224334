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
