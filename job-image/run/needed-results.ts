import type { Client } from 'pg'
import { listCatalogIdentities } from '../db/inputs/catalog-identities.ts'
import { listControls } from '../db/inputs/controls.ts'
import { listSystemsByEnvironment } from '../db/inputs/systems.ts'
import type { RunRequest } from './request.ts'
import { controlsInScope, systemsInScope } from './scope.ts'

/** How many results a run of this selection stores at most. Says nothing to the observer: planning will. */
export async function neededResults(client: Client, heard: RunRequest): Promise<number> {
  const request = { ...heard, observer: () => {} }
  const catalogs = await listCatalogIdentities(client, request.frameworks)
  const active = (await listControls(client, catalogs)).filter((control) => control.active)
  const { selected } = await controlsInScope(client, request, active, catalogs)
  const systems =
    (await systemsInScope(client, request)) ?? (await listSystemsByEnvironment(client, request.environment))
  return systems.length * selected.length
}
