// Decides whether the sample systems may be written to a database.
import { join } from 'node:path'
import { withClient } from '../job-image/db/session/client.ts'
import { databaseContents, namesElsewhere } from '../job-image/db/inputs/contents.ts'
import type { Contents } from '../job-image/db/inputs/contents.ts'
import { parseDatabaseUrl } from '../job-image/db/session/url.ts'
import { InputError } from '../job-image/errors.ts'
import { readInventory } from '../job-image/inventory/inventory.ts'
import { plural } from '../job-image/plural.ts'

/** The samples' environment in a user's database. In the quickstart's own database it is `production`. */
export const SAMPLE_ENVIRONMENT = 'quickstart'

/** Paths of the sample files, relative to the clone. */
export const INVENTORY = 'examples/inventory.yaml'
const ROOT = join(import.meta.dirname, '..')

/**
 * Checks the user's database before anything is written to it. Throws if it holds systems other than samples, unless that
 * is `allowed`, or if its systems have the samples' names.
 */
export async function inspectDatabase(url: string, environment: string, allowed: boolean): Promise<Contents> {
  const { systems } = await readInventory(join(ROOT, INVENTORY), environment)
  const samples = systems.map(({ name }) => name)
  return withClient({ url: parseDatabaseUrl(url, 'DATABASE_URL') }, async (client) => {
    const contents = await databaseContents(client)
    const others = contents.systems.filter((each) => each.environment !== environment)
    if (others.length === 0) return contents
    if (!allowed) throw new InputError(refusal(others, environment))
    const taken = await namesElsewhere(client, samples, environment)
    if (taken.length === 0) return contents
    throw new InputError(
      `the database has systems by the names of samples: ${taken.join(', ')}; use another database; nothing was written`,
    )
  })
}

function refusal(systems: Contents['systems'], environment: string): string {
  const counts = systems.map(
    ({ environment: name, count }) => `${plural(count, 'system')} in ${JSON.stringify(name)}`,
  )
  return (
    `the database of DATABASE_URL holds ${counts.join(', ')}; nothing was written. Add --yes to bring its tables up to date and ` +
    `to add sample systems in the environment "${environment}"; without DATABASE_URL a server of its own is used`
  )
}
