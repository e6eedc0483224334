// npm run bench: compares a full job with the time that PostgreSQL takes for the same rows. It starts a server with
// PostgreSQL's default durability. Compare the ratios: rows per second depend on the machine and on its load.
// Budgets are for 200 systems: with fewer, the start of the process dominates.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, flag, option, string } from 'cmd-ts'
import type { Client } from 'pg'
import type { RunSummary } from '../crds/run-summary.ts'
import { connect, disconnect } from '../job-image/db/session/client.ts'
import { positiveInteger } from '../job-image/commands/shared/numbers.ts'
import { readCommandLine } from '../scripts/command-line.ts'
import { startLocalPostgres } from '../scripts/local-postgres.ts'
import { incrementalFigures } from './incremental.ts'
import { recordFigures } from './record.ts'
import { addSystems, createTables } from './database.ts'
import { buildProgram, runProgram } from './process.ts'
import type { Usage } from './process.ts'
import { figureTable, isMissed, median } from './report.ts'
import type { Figure } from './report.ts'
import { roundFigures } from './rounds.ts'
import type { Round } from './rounds.ts'
import { loggingTime, startFigures } from './starts.ts'
import { INSERT_SAMPLE, copyRows, insertRows, readRows, sampleRows } from './writers.ts'

const parser = command({
  name: 'npm run bench --',
  description:
    'Measures a full job and the time that PostgreSQL takes for the same rows, and compares both with the budgets',
  args: {
    systems: option({
      long: 'systems',
      type: positiveInteger('count'),
      defaultValue: () => 200,
      defaultValueIsSerializable: true,
      description: 'Number of systems; the budgets are for the default',
    }),
    rounds: option({
      long: 'rounds',
      type: positiveInteger('count'),
      defaultValue: () => 5,
      defaultValueIsSerializable: true,
      description: 'Repetitions of each measurement; the figures are medians',
    }),
    large: flag({ long: 'large', description: 'Also measure runs over 2,000 systems' }),
    json: option({
      long: 'json',
      type: string,
      defaultValue: () => join(import.meta.dirname, 'results.json'),
      description: 'Where to write the figures. Default: bench/results.json',
    }),
    check: flag({ long: 'check', description: 'Exit 1 when a budget is missed' }),
  },
  examples: [{ description: 'A quick look', command: 'npm run bench -- --systems 20 --rounds 1' }],
  handler: (given) => given,
})
const options = await readCommandLine(parser)

const LARGE = 2_000
const MB = 1e6

const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-bench-'))
const program = buildProgram(join(directory, 'dist'))
// A vacuum would distort the time of the part in which it runs.
const server = await startLocalPostgres({ directory, settings: { autovacuum: 'off', log_line_prefix: '' } })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.remove().finally(() => process.exit(1)))
}
try {
  await main(await openDatabase(server.url))
} finally {
  await server.remove()
}

/** The tables, and a configuration with an environment for each number of systems that is measured. */
type Database = { readonly url: string; readonly client: Client; readonly config: string }

async function main(database: Database): Promise<void> {
  const { systems } = options
  log(`${systems} systems, median of ${options.rounds} rounds, load average ${loadavg()[0]?.toFixed(1)}`)
  log('every part begins after a checkpoint, with an empty validation_results and all its indexes and keys')
  const runEmpty = (...flags: string[]): Promise<Usage> => runJob(database, 'empty', ...flags)
  const starts = await startFigures(program, runEmpty)
  const logging = await loggingTime(runEmpty)
  const statements = await statementFigure(database)
  await addSystems(database.client, 'main', systems)
  const rounds: Round[] = []
  for (let round = 1; round <= options.rounds; round += 1) {
    log(`round ${round}`)
    rounds.push(await measureRound(database))
  }
  const large = options.large ? await largeFigures(database) : []
  const figures = [
    ...roundFigures(systems, rounds),
    {
      name: 'logging at info / job',
      value: logging / median(rounds.map(({ job, results }) => (1000 * results) / job)),
      unit: '×',
      budget: { atMost: 0.01 },
    },
    ...large,
    statements,
    ...starts,
  ]
  const { rows } = await database.client.query<{ server_version: string }>('SHOW server_version')
  await disconnect(database.client)

  process.stdout.write(figureTable(figures))
  const machine = { node: process.version, postgresql: rows[0]?.server_version, cpus: availableParallelism() }
  writeFileSync(options.json, `${JSON.stringify({ machine, systems, figures, rounds }, null, 2)}\n`)
  log(`written to ${options.json}`)
  if (options.check && figures.some(isMissed)) process.exitCode = 1
}

async function openDatabase(url: string): Promise<Database> {
  const client = await connect({ url })
  await createTables(client)
  const config = join(directory, 'config.yaml')
  writeFileSync(config, 'environments: {empty: , few: , more: , main: , large: }\n')
  return { url, client, config }
}

async function runJob(
  { url, config }: Database,
  environment: string,
  ...flags: string[]
): Promise<Usage & { summary: RunSummary; results: number }> {
  const args = ['scheduler', 'once', '--json', '--config', config, '--env', environment, ...flags]
  const usage = await runProgram(program, args, { DATABASE_URL: url })
  const summary = JSON.parse(usage.stdout) as RunSummary
  return { ...usage, summary, results: summary.counts.results }
}

/** Times processes that share one run, like the pods of an Indexed Job; returns the rows per second of all together. */
async function runWorkers(database: Database, environment: string, workers: number): Promise<number> {
  const flags = ['--concurrency', '1', '--run-key', randomUUID()]
  const begin = performance.now()
  const runs = Array.from({ length: workers }, () => runJob(database, environment, ...flags))
  const [first] = await Promise.all(runs)
  return (1000 * (first?.results ?? NaN)) / (performance.now() - begin)
}

/** Prepares a timed part: no results, empty indexes, and no pending writes of an earlier part. */
async function reset(client: Client): Promise<void> {
  await client.query('TRUNCATE validation_results RESTART IDENTITY')
  await client.query('CHECKPOINT')
}

async function measureRound(database: Database): Promise<Round> {
  const { url, client } = database
  await reset(client)
  const jobOne = await runJob(database, 'main', '--concurrency', '1')
  await reset(client)
  const workers = await runWorkers(database, 'main', 2)
  await reset(client)
  const job = await runJob(database, 'main')
  const rowBytes = await storedRowBytes(client)
  const rows = await readRows(client)
  const sample = await sampleRows(client, INSERT_SAMPLE)
  await reset(client)
  const copy = await copyRows(url, rows, 1)
  await reset(client)
  const copyTwo = await copyRows(url, rows, 2)
  await reset(client)
  const inserts = await insertRows(url, sample)
  return {
    job: (1000 * job.results) / job.wall,
    jobOne: (1000 * jobOne.results) / jobOne.wall,
    workers,
    copy: (1000 * rows.count) / copy,
    copyTwo: (1000 * rows.count) / copyTwo,
    inserts: (1000 * sample.length) / inserts,
    cpu: job.cpu,
    peakRss: job.peakRss,
    results: job.results,
    rowBytes,
    textBytes: rows.bytes / rows.count,
  }
}

async function storedRowBytes(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: number }>(
    `SELECT avg(pg_column_size(v.*))::float8 AS bytes FROM validation_results v`,
  )
  return rows[0]?.bytes ?? NaN
}

/** Measures runs over ten times the systems, where memory must not grow. */
async function largeFigures(database: Database): Promise<Figure[]> {
  log(`${LARGE} systems`)
  await addSystems(database.client, 'large', LARGE)
  await reset(database.client)
  const { results, wall, peakRss } = await runJob(database, 'large')
  const incremental = await incrementalFigures(database.client, 'large', LARGE, async (...flags) => {
    const job = await runJob(database, 'large', ...flags)
    return { wall: job.wall, carried: job.summary.carried ?? 0 }
  })
  const record = await recordFigures(
    database.client,
    'large',
    LARGE,
    wall,
    async () => runRecorded(database, 'large'),
    async () => replayNewest(database, 'large'),
  )
  return [
    ...incremental,
    ...record,
    { name: `${LARGE} systems: job`, value: (1000 * results) / wall, unit: 'rows/s' },
    { name: `${LARGE} systems: peak RSS`, value: peakRss / MB, unit: 'MB', budget: { atMost: 180 } },
  ]
}

/** A run that writes the record and publishes nothing. */
async function runRecorded({ url, config }: Database, environment: string): Promise<Usage> {
  const args = ['scheduler', 'once', '--json', '--config', config, '--env', environment]
  return runProgram(program, args, { DATABASE_URL: url, RESULTS_PUBLISH: 'none' })
}

async function replayNewest({ url, config }: Database, environment: string): Promise<number> {
  const args = ['runs', 'replay', 'latest', '--json', '--config', config, '--env', environment]
  return (await runProgram(program, args, { DATABASE_URL: url })).wall
}

/** Counts statements in the server's log, in runs that are not timed. The difference of two runs belongs to their batches. */
async function statementFigure(database: Database): Promise<Figure> {
  await addSystems(database.client, 'few', 40)
  await addSystems(database.client, 'more', 120)
  await database.client.query(`ALTER DATABASE postgres SET log_statement = 'all'`)
  const few = await countStatements(database, 'few')
  const more = await countStatements(database, 'more')
  await database.client.query('ALTER DATABASE postgres RESET log_statement')
  const value = (more.all - few.all) / (more.batches - few.batches)
  return { name: 'statements per batch', value, unit: '', budget: { atMost: 5 } }
}

async function countStatements(
  database: Database,
  environment: string,
): Promise<{ all: number; batches: number }> {
  const log = join(directory, 'server.log')
  const { length } = readFileSync(log)
  await runJob(database, environment)
  const written = readFileSync(log).subarray(length).toString()
  const count = (pattern: RegExp): number => [...written.matchAll(pattern)].length
  return {
    all: count(/^LOG: {2}(statement|execute)\b/gm),
    batches: count(/^LOG: {2}statement: COPY validation_results/gm),
  }
}

function log(text: string): void {
  process.stderr.write(`${text}\n`)
}
