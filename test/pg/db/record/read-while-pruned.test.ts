import { expect, it } from 'vitest'
import { pruneResults } from '../../../../job-image/db/prune/prune.ts'
import { readResults } from '../../../../job-image/db/record/result-reads.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { RunError, asError } from '../../../../job-image/errors.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { runRequest } from '../../../support/request.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
/** Several pages of results. */
const SYSTEMS = 25
await seedWorld(client, { systems: SYSTEMS })

/** Reads all results, and prunes after the first page; returns their number and the error at the end. */
async function readWhilePruned(runId: number | undefined): Promise<{ results: number; error?: Error }> {
  const reader = await connect({ url })
  let results = 0
  try {
    for await (const page of readResults(reader, { environment: 'production', runId })) {
      if (results === 0) await pruneResults(client, { olderThan: '1 year' })
      results += page.length
    }
    return { results }
  } catch (thrown) {
    return { results, error: asError(thrown) }
  } finally {
    await disconnect(reader)
  }
}

it.each(['all', 'none'] as const)(
  'results that are read while prune removes them, published: %s',
  async (publish) => {
    const old = await executeRun(runRequest(url, { publish }))
    const latest = await executeRun(runRequest(url, { publish }))
    await client.query(
      `UPDATE job_runs SET started_at = started_at - interval '2 years', finished_at = finished_at - interval '2 years'
      WHERE id = $1`,
      [old.runId],
    )
    const all = latest.counts.results
    const found = await readWhilePruned(old.runId!)
    expect(found.results).toBeLessThan(all)
    expect(found.error).toBeInstanceOf(RunError)
    expect(found.error?.message).toBe(
      `run ${old.runId} was pruned while its results were read: some may be missing`,
    )
    expect(await readWhilePruned(latest.runId!)).toEqual({ results: all })
    expect(await readWhilePruned(undefined)).toEqual({ results: all })
  },
)
