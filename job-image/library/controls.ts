import type { Client } from 'pg'
import { listCatalogIdentities } from '../db/catalog-identities.ts'
import { listControls as listControlsOf } from '../db/controls.ts'
import type { StoredControl } from '../db/controls.ts'

/** Every control of every catalog, ordered by row id, withdrawn ones included (`active: false`). */
export async function listControls(client: Client): Promise<StoredControl[]> {
  return listControlsOf(client, await listCatalogIdentities(client))
}
