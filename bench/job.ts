// npm run bench -- [--systems 200] [--rounds 3] [--large] [--json FILE] [--check]
// What a full job costs, beside what PostgreSQL itself takes for the very same rows. Its server is its own, with
// PostgreSQL's default durability. Compare the ratios: rows per second depend on the machine and on what else it does.
// The budgets are those of 200 systems: with a few, the start of the process is most of its time.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Client } from 'pg'
import type { RunSummary } from '../crds/run-summary.ts'
import { connect, disconnect } from '../job-image/db/client.ts'
import { startLocalPostgres } from '../scripts/local-postgres.ts'
import { addSystems, createTables } from './database.ts'
import { buildProgram, runProgram } from './process.ts'
import type { Usage } from './process.ts'
import { figureTable, isMissed, median } from './report.ts'
import type { Figure } from './report.ts'
import { copyRows, insertRows, readRows, sampleRows } from './writers.ts'

const { values: options } = parseArgs({
  options: {
    systems: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
    large: { type: 'boolean', default: false },
    json: { type: 'string', default: join(import.meta.dirname, 'results.json') },
    check: { type: 'boolean', default: false },
  },
})

const LARGE = 2_000
const INSERT_SAMPLE = 20_000
/** Runs of a command that takes a tenth of a second; their median is the figure. */
const STARTS = 7
const MB = 1e6

const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-bench-'))
const program = buildProgram(join(directory, 'dist'))
// A vacuum that happens to fall into one part would be charged to it.
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
  const systems = Number(options.systems)
  log(`${systems} systems, median of ${options.rounds} rounds, load average ${loadavg()[0]?.toFixed(1)}`)
  log('every part begins after a checkpoint, with an empty validation_results and all its indexes and keys')
  const starts = await startFigures(database)
  const statements = await statementFigure(database)
  await addSystems(database.client, 'main', systems)
  const rounds: Round[] = []
  for (let round = 1; round <= Number(options.rounds); round += 1) {
    log(`round ${round}`)
    rounds.push(await measureRound(database))
  }
  const large = options.large ? await largeFigures(database) : []
  const figures = [...roundFigures(systems, rounds), ...large, statements, ...starts]
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

async function runJob({ url, config }: Database, environment: string): Promise<Usage & { results: number }> {
  const args = ['scheduler', 'once', '--json', '--config', config, '--env', environment]
  const usage = await runProgram(program, args, { DATABASE_URL: url })
  const { counts } = JSON.parse(usage.stdout) as RunSummary
  return { ...usage, results: counts.results }
}

/** Every timed part begins like this: no results, their indexes empty, nothing of an earlier part left to be written. */
async function reset(client: Client): Promise<void> {
  await client.query('TRUNCATE validation_results RESTART IDENTITY')
  await client.query('CHECKPOINT')
}

/** What one round of all parts took: rows per second, and what the job's process used. */
type Round = {
  readonly job: number
  readonly copy: number
  readonly copyTwo: number
  readonly inserts: number
  readonly cpu: number
  readonly peakRss: number
  readonly results: number
  /** A row without its indexes, as stored and as text. */
  readonly rowBytes: number
  readonly textBytes: number
}

async function measureRound(database: Database): Promise<Round> {
  const { url, client } = database
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

function roundFigures(systems: number, rounds: readonly Round[]): Figure[] {
  const of = (value: (round: Round) => number): number => median(rounds.map(value))
  const rate = (name: string, value: (round: Round) => number): Figure => ({
    name,
    value: of(value),
    unit: 'rows/s',
  })
  return [
    { name: `results of ${systems} systems`, value: of(({ results }) => results), unit: 'rows' },
    rate('whole job, one connection', ({ job }) => job),
    rate('raw COPY, one stream', ({ copy }) => copy),
    rate('raw COPY, two streams', ({ copyTwo }) => copyTwo),
    rate(`prepared INSERTs, one transaction, ${INSERT_SAMPLE} rows`, ({ inserts }) => inserts),
    // Ratios within a round: both sides had the same machine.
    {
      name: 'job / raw COPY',
      value: of(({ job, copy }) => job / copy),
      unit: '×',
      budget: { atLeast: 0.85 },
    },
    { name: 'job / raw COPY in two streams', value: of(({ job, copyTwo }) => job / copyTwo), unit: '×' },
    {
      name: 'job / prepared INSERTs',
      value: of(({ job, inserts }) => job / inserts),
      unit: '×',
      budget: { atLeast: 4 },
    },
    { name: 'stored row', value: of(({ rowBytes }) => rowBytes), unit: 'bytes', budget: { atMost: 600 } },
    { name: 'row as text', value: of(({ textBytes }) => textBytes), unit: 'bytes' },
    { name: 'CPU of the job', value: of(({ cpu }) => cpu), unit: 'ms' },
    {
      name: 'peak RSS of the job',
      value: of(({ peakRss }) => peakRss) / MB,
      unit: 'MB',
      budget: { atMost: 120 },
    },
  ]
}

/** Memory must not grow with the work: ten times the systems. */
async function largeFigures(database: Database): Promise<Figure[]> {
  log(`${LARGE} systems`)
  await addSystems(database.client, 'large', LARGE)
  await reset(database.client)
  const { results, wall, peakRss } = await runJob(database, 'large')
  return [
    { name: `${LARGE} systems: job`, value: (1000 * results) / wall, unit: 'rows/s' },
    { name: `${LARGE} systems: peak RSS`, value: peakRss / MB, unit: 'MB', budget: { atMost: 180 } },
  ]
}

/** Counted in the server's log, in runs that are not timed. What a longer run has more of belongs to its batches. */
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

async function startFigures(database: Database): Promise<Figure[]> {
  const repeat = async (work: () => Promise<number>): Promise<number> => {
    const times: number[] = []
    for (let run = 0; run < STARTS; run += 1) times.push(await work())
    return median(times)
  }
  const version = await repeat(async () => (await runProgram(program, ['--version'])).cpu)
  const empty = await repeat(async () => (await runJob(database, 'empty')).wall)
  return [
    { name: '--version: CPU', value: version, unit: 'ms', budget: { atMost: 120 } },
    { name: 'run of an empty environment: wall', value: empty, unit: 'ms', budget: { atMost: 350 } },
  ]
}

function log(text: string): void {
  process.stderr.write(`${text}\n`)
}
