import type { Client } from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { readResults } from '../../../../job-image/db/record/result-reads.ts'
import type { ResultFilter } from '../../../../job-image/db/record/result-reads.ts'
import { inTransaction } from '../../../../job-image/db/session/client.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const RUNS = 10
const SYSTEMS = 20
const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: SYSTEMS, evidence: [] })
const controls = await controlIds(client)
const TABLES = ['validation_results', 'run_records', 'run_details']

beforeAll(async () => {
  // A busy machine would otherwise collect statistics in the middle of the tests that are about having none.
  for (const table of TABLES) await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`)
  for (let run = 0; run < RUNS; run += 1) {
    await addRun(client, {
      daysAgo: RUNS - run,
      // The last two evaluated some controls only: both are read, and the full run before them.
      controlScope: run < RUNS - 2 ? null : `some ${run}`,
      answers: systems.map((systemId) => ({ systemId, controlIds: controls })),
    })
  }
}, 300_000)

/** The sequential scans of each table that `work` causes. */
async function scansOf(work: (session: Client) => Promise<void>): Promise<Record<string, number>> {
  return inTransaction(client, async () => {
    await work(client)
    const { rows } = await client.query<{ name: string; scans: number }>(
      'SELECT relname AS name, seq_scan::int AS scans FROM pg_stat_xact_user_tables WHERE relname = ANY ($1)',
      [TABLES],
    )
    return Object.fromEntries(rows.map(({ name, scans }) => [name, scans]))
  })
}

const cases: [string, ResultFilter, number][] = [
  ['the latest of one system', { system: 'production-system-4' }, controls.length],
  ['the latest of all systems', {}, SYSTEMS * controls.length],
  ['the latest that fail', { status: 'fail' }, 0],
  ['the latest of one control', { controlIds: [controls[5]!] }, SYSTEMS],
  ['one run', { runId: 3 }, SYSTEMS * controls.length],
  ['three controls of one run', { runId: 3, controlIds: controls.slice(0, 3) }, 3 * SYSTEMS],
]

describe.each(['with no statistics', 'with statistics'])('more than 200,000 results, %s', (when) => {
  beforeAll(async () => {
    if (when === 'with statistics') await client.query('ANALYZE')
  })

  it.each(cases)('%s come from indexes', async (_, filter, expected) => {
    let found = 0
    const scans = await scansOf(async (session) => {
      for await (const page of readResults(session, filter)) found += page.length
    })
    expect(found).toBe(expected)
    expect(scans).toEqual({ validation_results: 0, run_records: 0, run_details: 0 })
  })
})
