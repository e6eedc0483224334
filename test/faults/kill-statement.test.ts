import type { Client } from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../job-image/db/session/client.ts'
import { createDatabase } from '../support/database.ts'
import { startCli } from '../support/process.ts'
import type { CliProcess } from '../support/process.ts'
import { createFolder } from '../support/run-command.ts'
import { expectWholeRecord, runSessions } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'

const { client, url } = await createDatabase()
/** More than two batches of each kind. */
const SYSTEMS = 220
const CONTROLS = ['AC-1', 'AC-2', 'AU-2', 'CM-6', 'ZZ-1']
await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS })

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
const env = {
  DATABASE_URL: url,
  RAPIDRMF_HEARTBEAT: '0.2',
  RAPIDRMF_ABANDON_AFTER: '2',
  RAPIDRMF_OUTAGE: '10',
}
type Publish = 'all' | 'none'
const worker = (runKey: string, publish: Publish): CliProcess =>
  startCli(['scheduler', 'once', '--run-key', runKey], {
    cwd: folder.path,
    env: { ...env, RESULTS_PUBLISH: publish },
  })

/** The advisory lock that statements wait for. */
const GATE = 4711
const STORED = '(SELECT count(*) FROM run_records WHERE job_run_id = NEW.job_run_id)'

type Stop = {
  readonly table: string
  /** The trigger's event and time, such as `BEFORE INSERT`. */
  readonly when: string
  /** SQL condition on NEW or OLD. */
  readonly condition?: string
  /** Waits at the end of the transaction instead of in the statement. */
  readonly atCommit?: boolean
}

/** Makes a statement wait for the gate; returns the session that has closed it. */
async function closeGate({ table, when, condition = 'true', atCommit = false }: Stop): Promise<Client> {
  const kind = atCommit ? 'CONSTRAINT TRIGGER' : 'TRIGGER'
  await client.query(
    `CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF ${condition} THEN PERFORM pg_advisory_xact_lock_shared(${GATE}); END IF;
       IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
     CREATE ${kind} gate ${when} ON ${table} ${atCommit ? 'DEFERRABLE INITIALLY DEFERRED' : ''}
       FOR EACH ROW EXECUTE FUNCTION gate()`,
  )
  const holder = await connect({ url })
  await holder.query('SELECT pg_advisory_lock($1)', [GATE])
  return holder
}

/** Holds a table, so that a statement that reads it waits. */
async function lockTable(table: string): Promise<Client> {
  const holder = await connect({ url })
  await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
  return holder
}

afterEach(() => client.query('DROP FUNCTION IF EXISTS gate CASCADE'))

/** The sessions of runs that wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'rapidrmf run=%' AND wait_event_type = 'Lock'`,
  )
  return rows[0]!.n
}

/** Kills a worker that waits at the gate, opens the gate, and lets a second worker finish the run. */
async function killAtGate(runKey: string, publish: Publish, holder: Client): Promise<void> {
  const victim = worker(runKey, publish)
  try {
    const stopped = async (): Promise<void> => {
      await expect.poll(waiting, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0)
    }
    await Promise.race([
      stopped(),
      victim.ended.then(({ stdout, stderr }) => Promise.reject(new Error(`not stopped: ${stdout}${stderr}`))),
    ])
    victim.kill('SIGKILL')
    expect(await victim.ended).toMatchObject({ signal: 'SIGKILL' })
  } finally {
    await disconnect(holder)
  }
  const next = await worker(runKey, publish).ended
  expect({ code: next.code, stderr: next.stderr }).toMatchObject({ code: 0 })
  await expectWholeRecord(client, runKey, { systems: SYSTEMS, controls: CONTROLS.length, publish })
  await expect.poll(() => runSessions(client), { timeout: 10_000 }).toBe(0)
}

const STOPS: [string, Stop][] = [
  ['storing the controls', { table: 'control_sets', when: 'BEFORE INSERT' }],
  ['storing the plan', { table: 'plans', when: 'BEFORE INSERT' }],
  ['queueing', { table: 'run_queue', when: 'BEFORE INSERT', condition: 'NEW.system_id % 100 = 0' }],
  [
    'marking as planned',
    {
      table: 'job_runs',
      when: 'BEFORE UPDATE',
      condition: 'OLD.planned_at IS NULL AND NEW.planned_at IS NOT NULL',
    },
  ],
  ['the commit of the plan', { table: 'plans', when: 'AFTER INSERT', atCommit: true }],
  ['taking off the queue', { table: 'run_queue', when: 'BEFORE DELETE' }],
  ['storing records', { table: 'run_records', when: 'BEFORE INSERT', condition: 'NEW.system_id % 7 = 0' }],
  [
    'storing records of a later batch',
    { table: 'run_records', when: 'BEFORE INSERT', condition: `${STORED} > 0` },
  ],
  ['storing details', { table: 'run_details', when: 'BEFORE INSERT', condition: 'NEW.system_id % 7 = 0' }],
  ['the commit', { table: 'run_records', when: 'AFTER INSERT', atCommit: true }],
  ['the close', { table: 'job_runs', when: 'BEFORE UPDATE', condition: `NEW.status = 'success'` }],
]

describe.each(['all', 'none'] as const)('kill -9 of a run that publishes %s', (publish) => {
  it.each(STOPS)('while it waits in %s', async (statement, stop) => {
    await client.query(
      'DELETE FROM plans; UPDATE run_records SET control_set_id = NULL; DELETE FROM control_sets',
    )
    await client.query('TRUNCATE job_runs, validation_results CASCADE')
    await killAtGate(`${publish} ${statement}`, publish, await closeGate(stop))
  })

  it('while it waits to read what it claims', async () => {
    await killAtGate(`${publish} claim`, publish, await lockTable('evidence'))
  })
})

describe('kill -9 of a run that publishes all', () => {
  it.each([
    ['results', 'NEW.system_id % 7 = 0'],
    ['results of a later batch', `${STORED} > 0`],
  ])('while it copies %s', async (what, condition) => {
    const stop = { table: 'validation_results', when: 'BEFORE INSERT', condition }
    await killAtGate(what, 'all', await closeGate(stop))
  })
})
