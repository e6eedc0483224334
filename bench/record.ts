import type { Client } from 'pg'
import { median } from './report.ts'
import type { Figure } from './report.ts'

/** Runs the program on the environment without publishing; returns its wall time in ms and its peak memory in bytes. */
export type RecordedRun = () => Promise<{ readonly wall: number; readonly peakRss: number }>

/** Replays the newest run of the environment; returns the wall time in ms. Throws if an answer differs. */
export type Replay = () => Promise<number>

const NIGHTS = 3
const MB = 1e6

/**
 * Measures runs that write the record alone, and the size of the record: of a night in which nothing changed, and of one
 * after which all evidence is new with the same answers. `published` is the wall time in ms of a run that publishes.
 */
export async function recordFigures(
  client: Client,
  environment: string,
  systems: number,
  published: number,
  run: RecordedRun,
  replay: Replay,
): Promise<Figure[]> {
  const name = (what: string): string => `record, ${systems} systems: ${what}`
  const nights = []
  let unchanged = NaN
  for (let night = 0; night < NIGHTS; night += 1) {
    const before = await recordBytes(client)
    nights.push(await run())
    unchanged = ((await recordBytes(client)) - before) / systems
  }
  const wall = median(nights.map((night) => night.wall))
  const renewed = await bytesAfter(client, systems, renewEvidence(environment), run)
  return [
    { name: name('full run, publish none'), value: wall / 1000, unit: 's' },
    {
      name: name('publish all / publish none'),
      value: published / wall,
      unit: '×',
      budget: { atLeast: 15 },
    },
    {
      name: name('peak RSS, publish none'),
      value: Math.max(...nights.map(({ peakRss }) => peakRss)) / MB,
      unit: 'MB',
      budget: { atMost: 200 },
    },
    { name: name('nothing changed'), value: unchanged, unit: 'bytes a system', budget: { atMost: 500 } },
    {
      name: name('all evidence renewed, same answers'),
      value: renewed,
      unit: 'bytes a system',
      budget: { atMost: 1_100 },
    },
    { name: name('replay'), value: (await replay()) / 1000, unit: 's' },
  ]
}

/** Other content under the same types and times. */
const renewEvidence = (environment: string): string =>
  `UPDATE evidence SET sha256 = md5(sha256) || md5(key)
    WHERE system_id IN (SELECT id FROM systems WHERE environment = '${environment}')`

async function bytesAfter(
  client: Client,
  systems: number,
  change: string,
  run: RecordedRun,
): Promise<number> {
  await client.query(change)
  const before = await recordBytes(client)
  await run()
  return ((await recordBytes(client)) - before) / systems
}

/** The size of the record with its indexes. */
async function recordBytes(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: number }>(
    `SELECT (pg_total_relation_size('run_records') + pg_total_relation_size('run_details'))::float8 AS bytes`,
  )
  return rows[0]?.bytes ?? NaN
}
