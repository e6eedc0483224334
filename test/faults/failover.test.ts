import type { Client } from 'pg'
import { expect, it } from 'vitest'
import { connect, disconnect } from '../../job-image/db/session/client.ts'
import { migrate } from '../../job-image/db/schema/schema.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { startReplicated } from '../support/standby.ts'
import { seedWorld } from '../support/world.ts'

/*
 * A failover to an earlier state: the promoted standby of an asynchronous replication does not have the run of an active
 * worker. The next run then gets the same number.
 */

const SYSTEMS = 60
const RESULTS = SYSTEMS * 1007

const folder = createFolder()
folder.write('strict.yaml', 'environments:\n  production: {}\n')
// A marker that shows in all decisions of the run.
folder.write('lax.yaml', 'environments:\n  production: {}\nrule_packs: [lax-pack.yaml]\n')
const FAMILIES = 'AC AT AU CA CM CP IA IR MA MP PE PL PM PS PT RA SA SC SI SR'.split(' ')
const LAX_RULE = '{ title: lax, required_all: [], required_any: [audit-log, iam-policy] }'
folder.write(
  'lax-pack.yaml',
  `name: lax\nfamilies:\n${FAMILIES.map((family) => `  ${family}: ${LAX_RULE}\n`).join('')}`,
)

function worker(url: string, runKey: string, config = 'strict.yaml'): CliProcess {
  return startCli(['scheduler', 'once', '--run-key', runKey, '--config', config], {
    cwd: folder.path,
    env: {
      DATABASE_URL: url,
      RAPIDRMF_HEARTBEAT: '0.3',
      RAPIDRMF_ABANDON_AFTER: '60',
      RAPIDRMF_OUTAGE: '60',
    },
  })
}

type Failover = {
  /** The promoted standby. */
  readonly url: string
  readonly client: Client
  /** The worker of run A, without a connection; `reconnect` connects it to the promoted standby. */
  readonly lost: CliProcess
  readonly reconnect: () => void
}

/** Starts run A and loses it in the failover; its worker has no database afterwards. */
async function failOver(work: (failover: Failover) => Promise<void>): Promise<void> {
  const { primary, standby, stopReplication, promote } = await startReplicated((url) =>
    withClient(url, async (client) => {
      await migrate(client)
      await seedWorld(client, { systems: SYSTEMS })
    }),
  )
  await stopReplication()
  let cut = false
  const proxy = await startProxy(primary.port, (sent) => {
    if (sent < 4_000_000 || cut) return
    cut = true
    proxy.cut()
  })
  const lost = worker(proxy.through(primary.url), 'A', 'lax.yaml')
  await lost.said(/retrying/)
  await withClient(primary.url, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM run_systems WHERE job_run_id = 1 AND state = 'done'`,
    )
    expect(rows[0]?.n).toBeGreaterThan(0)
  })
  await primary.stop('immediate')
  await promote()
  await withClient(standby.url, (client) =>
    work({
      url: standby.url,
      client,
      lost,
      reconnect: () => {
        proxy.redirect(standby.port)
        proxy.restore()
      },
    }),
  )
  await standby.stop()
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect({ url })
  try {
    return await work(client)
  } finally {
    await disconnect(client)
  }
}

async function rowsOf(client: Client, table: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)
  return rows[0]!.n
}

/** Returns the run and its attempts from the database. */
async function runs(client: Client): Promise<unknown[]> {
  const { rows } = await client.query(
    `SELECT r.id, r.run_key, r.status, count(a.attempt)::int AS attempts
       FROM job_runs r LEFT JOIN job_run_attempts a ON a.job_run_id = r.id GROUP BY r.id ORDER BY r.id`,
  )
  return rows
}

/** Starts a run that pauses during its work. */
async function heldRun(url: string, client: Client, runKey: string, config?: string): Promise<CliProcess> {
  const holder = await connect({ url })
  await holder.query('BEGIN; LOCK TABLE validation_results IN EXCLUSIVE MODE')
  const run = worker(url, runKey, config)
  await expect
    .poll(
      async () => {
        const { rows } = await client.query(
          `SELECT FROM pg_stat_activity WHERE query LIKE 'COPY validation_results%' AND wait_event_type = 'Lock'`,
        )
        return rows.length
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(0)
  run.kill('SIGSTOP')
  await disconnect(holder)
  return run
}

/** Resolves when the worker has ended, or has claimed all systems that the paused run has not. */
async function endedOrOutOfWork({ ended, said }: CliProcess): Promise<void> {
  await Promise.race([ended, said(/other workers have the remaining systems/).catch(() => undefined)])
}

it('a worker whose run is lost stores nothing in another run with the same number', async () => {
  await failOver(async ({ url, client, lost, reconnect }) => {
    const other = await heldRun(url, client, 'B')
    expect(await runs(client)).toEqual([{ id: 1, run_key: 'B', status: 'running', attempts: 1 }])
    reconnect()
    await endedOrOutOfWork(lost)
    other.kill('SIGCONT')
    const [a, b] = await Promise.all([lost.ended, other.ended])
    expect(b).toMatchObject({ code: 0 })
    expect(a.stderr).toMatch(/run 1 \(key A\) is no longer in this database/)
    expect(a.stderr).toMatch(/the number 1 now belongs to another run \(key B\)/)
    expect(a.code).toBe(1)
    expect(await runs(client)).toEqual([{ id: 1, run_key: 'B', status: 'success', attempts: 1 }])
    await expectExactlyOnce(client, 'B', RESULTS)
    expect(await rowsOf(client, 'validation_results')).toBe(RESULTS)
    // The results of run B are those of an undisturbed run.
    expect(await worker(url, 'C').ended).toMatchObject({ code: 0 })
    const { rows } = await client.query(
      `SELECT system_id, control_id, status FROM validation_results WHERE job_run_id = 1
       EXCEPT
       SELECT system_id, control_id, status FROM validation_results WHERE job_run_id = 2`,
    )
    expect(rows).toEqual([])
  })
})

it('a worker whose run is lost fails and stores nothing, and a new run with the same key is complete', async () => {
  await failOver(async ({ url, client, lost, reconnect }) => {
    reconnect()
    const { code, stderr } = await lost.ended
    expect(stderr).toMatch(/run 1 \(key A\) is no longer in this database: .* start the run again/)
    expect(code).toBe(1)
    expect(await runs(client)).toEqual([])
    expect(await rowsOf(client, 'validation_results')).toBe(0)
    expect(await worker(url, 'A', 'lax.yaml').ended).toMatchObject({ code: 0 })
    await expectExactlyOnce(client, 'A', RESULTS)
  })
})

it('a worker whose run was started again with the same key and number stores nothing in it', async () => {
  await failOver(async ({ url, client, lost, reconnect }) => {
    const anew = await heldRun(url, client, 'A', 'strict.yaml')
    reconnect()
    await endedOrOutOfWork(lost)
    anew.kill('SIGCONT')
    const [a, b] = await Promise.all([lost.ended, anew.ended])
    expect(b).toMatchObject({ code: 0 })
    expect(a.stderr).toMatch(/run 1 was restarted with the same key/)
    expect(a.code).toBe(1)
    expect(await runs(client)).toEqual([{ id: 1, run_key: 'A', status: 'success', attempts: 1 }])
    await expectExactlyOnce(client, 'A', RESULTS)
  })
})
