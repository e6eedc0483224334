import type { Client } from 'pg'
import { inputDigest } from '../job-image/db/record/input-digest.ts'
import { median } from './report.ts'
import type { Figure } from './report.ts'

/** Runs the program on the environment; returns its time in ms and the results that it reused. */
export type TimedRun = (...flags: string[]) => Promise<{ readonly wall: number; readonly carried: number }>

/** The time allowed in addition to the digests, in ms: for the process, its connections, the queue of 2,000 systems. */
const ALLOWANCE = 250
const CHANGED_SHARE = 0.01
const NIGHTS = 3

/**
 * Measures incremental runs after no change and after a change of one system in a hundred. They are compared with the bare
 * query of the digests, and with a full run.
 */
export async function incrementalFigures(
  client: Client,
  environment: string,
  systems: number,
  run: TimedRun,
): Promise<Figure[]> {
  const full = await run('--full')
  const digests = await digestQuery(client, environment)
  // Autovacuum would have done this by the next night.
  await client.query('VACUUM ANALYZE')
  const nights = []
  for (let night = 0; night < NIGHTS; night += 1) {
    const { wall, carried } = await run('--incremental')
    if (carried !== systems) throw new Error(`carried ${carried} of ${systems} systems`)
    nights.push(wall)
  }
  const unchanged = median(nights)
  const share = Math.max(1, Math.round(systems * CHANGED_SHARE))
  await client.query(
    `UPDATE evidence SET sha256 = md5(sha256) || md5(key)
      WHERE system_id IN (SELECT id FROM systems WHERE environment = $1 ORDER BY id LIMIT $2)`,
    [environment, share],
  )
  const changed = await run('--incremental')
  if (changed.carried !== systems - share) throw new Error(`carried ${changed.carried} of ${systems} systems`)
  const limit = 2 * digests + ALLOWANCE
  const name = (what: string): string => `incremental, ${systems} systems: ${what}`
  return [
    { name: name('a full run'), value: full.wall / 1000, unit: 's' },
    { name: name('the bare query of the digests'), value: digests, unit: 'ms' },
    { name: name('nothing changed'), value: unchanged, unit: 'ms' },
    {
      name: name('nothing changed / (2 × the bare query + 0.25 s)'),
      value: unchanged / limit,
      unit: '×',
      budget: { atMost: 1 },
    },
    { name: name('1 % changed'), value: changed.wall, unit: 'ms' },
    {
      name: name('1 % changed / (that + 1.5 × their share of the full run)'),
      value: changed.wall / (limit + (1.5 * share * full.wall) / systems),
      unit: '×',
      budget: { atMost: 1 },
    },
  ]
}

/** Times the minimum that detects a change: a digest for every system. Returns ms. */
async function digestQuery(client: Client, environment: string): Promise<number> {
  const text = `SELECT count(${inputDigest(`'\\x00'::bytea`, 's.id')}) FROM systems s WHERE s.environment = $1`
  await client.query(text, [environment])
  const begin = performance.now()
  await client.query(text, [environment])
  return performance.now() - begin
}
