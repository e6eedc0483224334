import type { Client } from 'pg'
import { listCatalogIdentities } from '../db/inputs/catalog-identities.ts'
import { listControls as listControlsOf } from '../db/inputs/controls.ts'
import type { StoredControl } from '../db/inputs/controls.ts'

/** Every control of every catalog, ordered by row id, withdrawn ones included (`active: false`). */
export async function listControls(client: Client): Promise<StoredControl[]> {
  return listControlsOf(client, await listCatalogIdentities(client))
}
