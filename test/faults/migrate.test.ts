import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../job-image/db/session/client.ts'
import { migrate } from '../../job-image/db/schema/schema.ts'
import { createDatabase } from '../support/database.ts'
import { startCli } from '../support/process.ts'

const SCHEMA = readFileSync(new URL('../support/rapidrmf-schema.sql', import.meta.url), 'utf8')
const INDEX = 'ix_validation_results_others'
const ROWS = 2_000_000

const small = await createDatabase('empty')
const large = await createDatabase('empty')
await small.client.query(SCHEMA)
await large.client.query(SCHEMA)

/** Measures the statements of one session while `during` runs. */
type Waits = { readonly longest: number; readonly share: number; readonly elapsed: number }

async function waits(url: string, statement: string, during: Promise<unknown>): Promise<Waits> {
  const session = await connect({ url })
  const ended = new AbortController()
  const end = during.catch(() => undefined).finally(() => ended.abort())
  const from = performance.now()
  let [longest, total] = [0, 0]
  while (!ended.signal.aborted) {
    const began = performance.now()
    await session.query(statement)
    const took = performance.now() - began
    longest = Math.max(longest, took)
    // Shorter times are the statement itself, and not a wait for a lock.
    if (took > 50) total += took
    await sleep(20)
  }
  const elapsed = performance.now() - from
  await end
  await disconnect(session)
  return { longest, share: total / elapsed, elapsed }
}

const READ = 'SELECT status FROM validation_results WHERE id = 1'
const WRITE = 'UPDATE validation_results SET message = message WHERE id = 2'

async function validIndexes(client: Client): Promise<unknown[]> {
  const { rows } = await client.query<{ index: string; valid: boolean }>(
    `SELECT indexrelid::regclass::text AS index, indisvalid AS valid FROM pg_index
      WHERE indrelid = 'validation_results'::regclass AND indexrelid::regclass::text ~ '^(ux|${INDEX})' ORDER BY 1`,
  )
  return rows
}
const BOTH = [
  { index: INDEX, valid: true },
  { index: 'ux_validation_results_run', valid: true },
]

describe('a transaction of 20 s that has read the results', () => {
  it('delays a migration, and concurrent readers for less than a tenth of the time', async () => {
    const long = await connect({ url: small.url })
    await long.query('BEGIN; SELECT FROM validation_results')
    const messages: string[] = []
    const migration = migrate(small.client, { onProgress: (message) => messages.push(message) })
    const over = sleep(20_000)
    const { share } = await waits(small.url, READ, over)
    expect(messages.length).toBeGreaterThan(3)
    await long.query('COMMIT')
    expect(await migration).toContain(INDEX)
    expect(share).toBeLessThan(0.1)
    await disconnect(long)
  })
})

describe(`${ROWS} results of another program`, () => {
  const withoutIndex = () => large.client.query(`DROP INDEX ${INDEX}`)
  const cli = (...args: string[]) => startCli(['db', ...args], { env: { DATABASE_URL: large.url } })

  beforeAll(async () => {
    await large.client.query(`
      SET session_replication_role TO replica;
      INSERT INTO validation_results (system_id, control_id, status, message, evidence_keys, validated_at, attributes)
        SELECT 1 + i % 100, 1 + i % 1007, 'PASS', 'Evidence present: audit-log', '[]', now(), '{}'
          FROM generate_series(1, ${ROWS}) i;
      RESET session_replication_role`)
    await large.client.query('VACUUM ANALYZE validation_results')
  }, 300_000)

  /** Returns the session that builds an index. */
  const building = async (): Promise<number | undefined> => {
    const { rows } = await large.client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database()',
    )
    return rows[0]?.pid
  }

  it('can be read and written while the indexes are built', async () => {
    const migration = migrate(large.client)
    const [readers, writers] = await Promise.all([
      waits(large.url, READ, migration),
      waits(large.url, WRITE, migration),
    ])
    expect(await migration).toContain(INDEX)
    expect(await validIndexes(large.client)).toEqual(BOTH)
    // A statement that is blocked by a build waits for all of it.
    expect(readers.longest / readers.elapsed).toBeLessThan(0.25)
    expect(writers.longest / writers.elapsed).toBeLessThan(0.25)
  })

  it('get their index after a kill -9 during the build', async () => {
    await withoutIndex()
    const older = await connect({ url: large.url })
    await older.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM systems')
    const victim = cli('migrate')
    await victim.said(/building index ix_validation_results_others/)
    await expect.poll(building, { timeout: 30_000 }).toBeDefined()
    const backend = await building()
    victim.kill('SIGKILL')
    expect(await victim.ended).toMatchObject({ signal: 'SIGKILL' })
    // The session would continue the build. After a crash of the machine the server ends it when it detects the loss.
    await large.client.query('SELECT pg_terminate_backend($1)', [backend])
    await expect.poll(building, { timeout: 30_000 }).toBeUndefined()
    await older.query('COMMIT')
    await disconnect(older)

    expect(await validIndexes(large.client)).toEqual([{ ...BOTH[0], valid: false }, BOTH[1]])
    const status = await cli('status').ended
    expect(status).toMatchObject({ code: 2 })
    expect(status.stdout).toContain(`  ${INDEX} on validation_results: invalid`)
    expect(await cli('migrate').ended).toMatchObject({ code: 0, stdout: `applied: ${INDEX}\n` })
    expect(await validIndexes(large.client)).toEqual(BOTH)
    expect((await cli('status').ended).code).toBe(0)
  })

  it('get the index of a killed process: the server finishes it, and the next process waits', async () => {
    await withoutIndex()
    const older = await connect({ url: large.url })
    await older.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM systems')
    const victim = cli('migrate')
    await expect.poll(building, { timeout: 30_000 }).toBeDefined()
    victim.kill('SIGKILL')
    await victim.ended
    const next = cli('migrate')
    await next.said(/waiting for another migration of this database/)
    await older.query('COMMIT')
    await disconnect(older)
    expect(await next.ended).toMatchObject({ code: 0, stdout: 'up to date\n' })
    expect(await validIndexes(large.client)).toEqual(BOTH)
  })

  it('get one index from four concurrent migrations', async () => {
    await withoutIndex()
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => cli('migrate').ended))
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    const said = outcomes.map(({ stdout }) => stdout).toSorted()
    expect(said).toEqual([`applied: ${INDEX}\n`, 'up to date\n', 'up to date\n', 'up to date\n'])
    expect(await validIndexes(large.client)).toEqual(BOTH)
  })
})
