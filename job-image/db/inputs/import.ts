import type { Client } from 'pg'
import type { Import, ImportReport } from '../../oscal/import.ts'
import { storeBaseline } from './baselines.ts'
import { lockImports, storeCatalog } from './catalogs.ts'
import type { StoreOptions } from './catalogs.ts'
import { inTransaction } from '../session/client.ts'
import { refuseEncoding } from '../schema/encoding.ts'

/** A dry run is the import itself, undone at its end: it reports exactly what would happen. */
class DryRunEnd extends Error {}

/**
 * Stores all of `imports` in one transaction: either everything is there afterwards or nothing has changed. Catalogs
 * come first, so that a baseline's report knows the controls that came with it.
 */
export async function storeImports(
  client: Client,
  imports: readonly Import[],
  { dryRun = false, confirmed = false }: Partial<StoreOptions> = {},
): Promise<ImportReport[]> {
  await refuseEncoding(client)
  const reports = new Map<Import, ImportReport>()
  const ordered = [
    ...imports.filter(({ kind }) => kind === 'catalog'),
    ...imports.filter(({ kind }) => kind === 'baseline'),
  ]
  try {
    await inTransaction(client, async () => {
      await lockImports(client)
      for (const each of ordered) {
        reports.set(
          each,
          each.kind === 'catalog'
            ? await storeCatalog(client, each, { dryRun, confirmed })
            : await storeBaseline(client, each),
        )
      }
      if (dryRun) throw new DryRunEnd()
    })
  } catch (thrown) {
    if (!(thrown instanceof DryRunEnd)) throw thrown
  }
  return imports.flatMap((each) => reports.get(each) ?? [])
}
