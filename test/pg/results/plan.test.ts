import { beforeAll, describe, expect, it } from 'vitest'
import {
  STAY_ON_INDEXES,
  latestPageQuery,
  runPageQuery,
} from '../../../job-image/db/results/result-queries.ts'
import type { Query } from '../../../job-image/db/results/result-queries.ts'
import { createDatabase } from '../../support/database.ts'
import { addRun, controlIds } from '../../support/history.ts'
import { seedWorld } from '../../support/world.ts'

const RUNS = 10
const SYSTEMS = 20
const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: SYSTEMS, evidence: [] })
const controls = await controlIds(client)

beforeAll(async () => {
  // Or a busy machine gives it statistics in the middle of the tests that are about having none.
  await client.query('ALTER TABLE validation_results SET (autovacuum_enabled = false)')
  await client.query('ALTER TABLE job_run_systems SET (autovacuum_enabled = false)')
  for (let run = 0; run < RUNS; run += 1) {
    const id = await addRun(client, {
      daysAgo: RUNS - run,
      // The last two were of some controls: both are looked into, and what lies under them.
      controlScope: run < RUNS - 2 ? null : `some ${run}`,
      answers: systems.map((systemId) => ({ systemId, controlIds: [] })),
    })
    await client.query(
      `INSERT INTO validation_results (system_id, control_id, status, evidence_keys, validated_at, attributes, job_run_id)
       SELECT s.id, c.id, 'PASS', '[]', r.started_at, '{}', r.id FROM job_runs r, systems s, controls c WHERE r.id = $1`,
      [id],
    )
  }
  await client.query(STAY_ON_INDEXES)
}, 120_000)

async function planOf({ text, values }: Query): Promise<string> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, [...values])
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

const cases: [string, Query][] = [
  ['the latest of one system', latestPageQuery([systems[3]!], {})],
  ['the latest of a page', latestPageQuery(systems.slice(0, 10), {})],
  ['the latest that fail', latestPageQuery(systems, { statusLabel: 'FAIL' })],
  ['the latest of one control', latestPageQuery(systems, { controlIds: [controls[5]!] })],
  ['one run', runPageQuery(3, systems.slice(0, 10), {})],
  ['what passes in one run', runPageQuery(3, systems, { statusLabel: 'PASS' })],
  ['one control of one run', runPageQuery(3, systems, { controlIds: controls.slice(0, 3) })],
]

describe.each(['with no statistics', 'with statistics'])('more than 200,000 results, %s', (when) => {
  beforeAll(async () => {
    if (when === 'with statistics') await client.query('ANALYZE')
  })

  it.each(cases)('%s comes from indexes', async (_, query) => {
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM validation_results')
    expect(rows[0]?.n).toBeGreaterThan(200_000)
    const plan = await planOf(query)
    expect(plan).not.toContain('Seq Scan on validation_results')
    expect(plan).toContain('ux_validation_results_run')
  })
})
