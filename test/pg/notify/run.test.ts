import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { asError } from '../../../job-image/errors.ts'
import { TRIGGERS } from '../../../job-image/notify/sink.ts'
import type { Sink } from '../../../job-image/notify/sink.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunOptions } from '../../../job-image/run/options.ts'
import { createDatabase } from '../../support/database.ts'
import { HANG, OK, startReceiver, status } from '../../support/receiver.ts'
import type { Receiver } from '../../support/receiver.ts'
import { runRequest } from '../../support/request.ts'
import { letTimePass, outbox, webhookSink } from '../../support/sinks.ts'
import { watchRun } from '../../support/watch-run.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const WORLD = { systems: 2, controls: ['AC-2', 'AU-2', 'CM-6'] }
await seedWorld(client, WORLD)

/** Makes every batch break, for a reason that a retry may mend (or not). */
const breakRuns = (code: '42704' | '42501'): Promise<unknown> =>
  client.query(
    `CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'broken on purpose' USING ERRCODE = '${code}'; END $$;
     CREATE TRIGGER boom BEFORE INSERT ON run_records EXECUTE FUNCTION boom()`,
  )
/** Makes every batch take a second. */
const slowRuns = (): Promise<unknown> =>
  client.query(
    `CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
     CREATE TRIGGER boom BEFORE INSERT ON run_records FOR EACH STATEMENT EXECUTE FUNCTION boom()`,
  )
const mendRuns = (): Promise<unknown> => client.query('DROP FUNCTION IF EXISTS boom CASCADE')
const evidenceExpires = (at: string | null): Promise<unknown> =>
  client.query('UPDATE evidence SET expires_at = $1', [at])

afterEach(async () => {
  await mendRuns()
  await evidenceExpires(null)
  await client.query('DELETE FROM job_runs')
})

/** A run's end, also of one that broke. */
async function run(
  notifications: readonly Sink[],
  changes: Partial<RunOptions> = {},
): Promise<RunSummary | Error> {
  return executeRun(runRequest(url, { notifications, ...changes })).catch(asError)
}

const sinkFor = (receiver: Receiver, changes: Partial<Sink> = {}): Sink => webhookSink(receiver.url, changes)

/** What arrived, as `sink: type` of the events. */
type Event = {
  id: string
  type: string
  data: { trigger: string; triggers: string[]; previous: object | null }
}
const eventsOf = ({ requests }: Receiver): Event[] => requests.map(({ body }) => JSON.parse(body) as Event)

describe('triggers', () => {
  it('are told to those who asked for them, each end once', async () => {
    const receiver = await startReceiver()
    const sinks = TRIGGERS.map((trigger) =>
      webhookSink(`${receiver.url}/${trigger}`, { name: trigger, on: [trigger] }),
    )
    const all = webhookSink(`${receiver.url}/all`, { name: 'all', on: TRIGGERS })
    /** Who was told of one more run, and what the one that wants to hear of everything was told. */
    const told = async (changes: Partial<RunOptions> = {}) => {
      receiver.requests.length = 0
      const { verdict } = (await run([...sinks, all], changes)) as RunSummary
      const [last] = eventsOf(receiver).filter((_, index) => receiver.requests[index]?.path === '/all')
      const paths = receiver.requests.map(({ path }) => path.slice(1)).filter((path) => path !== 'all')
      return { verdict, paths: paths.sort(), type: last?.type, triggers: last?.data.triggers }
    }

    expect(await told()).toMatchObject({ verdict: 'Passed', paths: ['always'], triggers: ['always'] })
    await evidenceExpires('2026-01-02')
    expect(await told()).toEqual({
      verdict: 'Findings',
      paths: ['always', 'findings', 'worse'],
      type: 'io.rapidrmf.run.worse',
      triggers: ['worse', 'findings', 'always'],
    })
    expect(await told()).toMatchObject({ paths: ['always', 'findings'], type: 'io.rapidrmf.run.findings' })
    await evidenceExpires(null)
    expect(await told()).toMatchObject({ paths: ['always', 'recovered'], type: 'io.rapidrmf.run.recovered' })

    await breakRuns('42704')
    // A failure waits for a retry first.
    expect((await told({ runKey: 'breaks' })).paths).toEqual([])
    expect((await outbox(client)).filter(({ waiting }) => waiting)).toMatchObject([
      { sink: 'errored', trigger: 'errored' },
      { sink: 'worse', trigger: 'worse' },
      { sink: 'always', trigger: 'always' },
      { sink: 'all', trigger: 'errored' },
    ])
    await mendRuns()
    await letTimePass(client)
    // Sent by another run, which is another end; nobody retried the one that broke.
    expect(await told()).toMatchObject({ verdict: 'Passed' })
    const errored = receiver.requests.filter(({ path }) => path === '/errored')
    expect(errored.map(({ body }) => (JSON.parse(body) as Event).type)).toEqual(['io.rapidrmf.run.errored'])
    const ids = eventsOf(receiver).map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('compare with the newest earlier run of the same environment and scope only', async () => {
    const receiver = await startReceiver()
    const sink = sinkFor(receiver, { on: ['worse', 'recovered'] })
    const earlier = (environment: string, verdict: string, attributes: object, minutes: number) =>
      client.query(
        `INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, metrics, attributes, run_key, verdict)
         SELECT 'validation', $1, 'success', t, t, '{}', $3, gen_random_uuid(), $2
           FROM (SELECT (now() AT TIME ZONE 'UTC') - $4 * interval '1 min' AS t) x`,
        [environment, verdict, JSON.stringify(attributes), minutes],
      )
    // By other programs: no key, no verdict of ours.
    await client.query(
      `INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, metrics, attributes)
       VALUES ('validation', 'production', 'success', now(), now(), '{}', '[]')`,
    )
    await earlier('staging', 'Errored', {}, 1)
    await earlier('production', 'Errored', { digests: { scope: 'some systems' } }, 2)
    expect(await run([sink])).toMatchObject({ verdict: 'Passed' })
    expect(receiver.requests).toEqual([])

    await client.query(
      `DELETE FROM job_runs WHERE run_key IS NOT NULL AND attributes->'digests'->>'rules' IS NOT NULL`,
    )
    await earlier('production', 'Incomplete', {}, 3)
    await earlier('production', 'Findings', {}, 4)
    expect(await run([sink])).toMatchObject({ verdict: 'Passed' })
    expect(eventsOf(receiver)).toMatchObject([
      { data: { trigger: 'recovered', previous: { verdict: 'Incomplete' } } },
    ])
  })

  it('are those of the environments that a sink wants to hear of', async () => {
    const receiver = await startReceiver()
    await run([sinkFor(receiver, { environments: ['staging'] })])
    expect(receiver.requests).toEqual([])
    expect(await outbox(client)).toEqual([])
  })
})

describe('a notice of failure', () => {
  it('waits for its grace, and is cancelled by the retry that opens the run again', async () => {
    const receiver = await startReceiver()
    const sink = sinkFor(receiver, { on: ['errored', 'recovered'], grace: 120_000 })
    await breakRuns('42704')
    expect(await run([sink], { runKey: 'again' })).toMatchObject({ message: 'broken on purpose' })
    const [waiting] = await outbox(client)
    expect(waiting).toMatchObject({ waiting: true, sent: false, delay: 120 })

    // A second failure is another end, with a notice of its own.
    await run([sink], { runKey: 'again' })
    expect(await outbox(client)).toMatchObject([
      { event_id: waiting?.event_id, cancelled: true, waiting: false },
      { cancelled: false, waiting: true },
    ])
    await mendRuns()
    expect(await run([sink], { runKey: 'again' })).toMatchObject({ verdict: 'Passed' })
    await letTimePass(client)
    await run([sink])
    expect(await outbox(client)).toMatchObject([{ cancelled: true }, { cancelled: true }])
    expect(receiver.requests).toEqual([])
  })

  it('does not wait where no retry can help', async () => {
    const receiver = await startReceiver()
    await breakRuns('42501')
    const error = await run([sinkFor(receiver, { on: ['errored'] })])
    expect(error).toMatchObject({ name: 'InputError' })
    expect(eventsOf(receiver)).toMatchObject([
      { type: 'io.rapidrmf.run.errored', data: { run: { verdict: 'Errored', status: 'failed' } } },
    ])
  })

  it('that went out is followed by a recovery when the same run succeeds after all', async () => {
    const receiver = await startReceiver()
    const early = sinkFor(receiver, { name: 'early', on: ['errored', 'recovered'], grace: 0 })
    const late = sinkFor(receiver, { name: 'late', on: ['errored', 'recovered'] })
    await breakRuns('42704')
    await run([early, late], { runKey: 'hasty' })
    await mendRuns()
    await run([early, late], { runKey: 'hasty' })
    expect(eventsOf(receiver).map(({ type }) => type)).toEqual([
      'io.rapidrmf.run.errored',
      'io.rapidrmf.run.recovered',
    ])
    expect((await outbox(client)).map(({ sink, trigger, sent }) => [sink, trigger, sent])).toEqual([
      ['early', 'errored', true],
      ['late', 'errored', false],
      ['early', 'recovered', true],
    ])
  })

  it('is also made of a run that died without a word, by the one that closes it', async () => {
    const receiver = await startReceiver()
    await client.query(
      `INSERT INTO job_runs (job_type, environment, status, started_at, run_key)
       VALUES ('validation', 'production', 'running', '2026-01-01', 'dead'),
              ('validation', 'production', 'running', '2026-01-01', NULL)`,
    )
    await run([sinkFor(receiver, { on: ['errored'] })])
    expect(await outbox(client)).toMatchObject([{ trigger: 'errored', waiting: true, delay: 300 }])
  })

  it('stays in the outbox when the process is told to stop', async () => {
    const receiver = await startReceiver()
    const stop = new AbortController()
    const error = await run([sinkFor(receiver, { on: ['errored'], grace: 0 })], {
      batchSize: 1,
      concurrency: 1,
      signal: stop.signal,
      observer: ({ type }) => {
        if (type === 'progress') stop.abort()
      },
    })
    expect(error).toMatchObject({ name: 'InterruptedError' })
    expect(await outbox(client)).toMatchObject([{ trigger: 'errored', waiting: true, attempts: 0 }])
    expect(receiver.requests).toEqual([])
  })
})

describe('a role with the rights that the guide gives it', () => {
  it('stores, sends and takes back notices', async () => {
    const guide = readFileSync(new URL('../../../docs/guide.md', import.meta.url), 'utf8')
    const role = `job_${process.pid}`
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'canary-Pa55w0rd'`)
    try {
      for (const [grant] of guide.matchAll(/^GRANT .* TO job;$/gm)) {
        await client.query(grant.replace(/ TO job;$/, ` TO ${role}`))
      }
      const databaseUrl = Object.assign(new URL(url), {
        username: role,
        password: 'canary-Pa55w0rd',
      }).toString()
      const receiver = await startReceiver()
      const watched = watchRun()
      const request = { databaseUrl, runKey: 'theirs', observer: watched.observer }
      await breakRuns('42704')
      await run([sinkFor(receiver)], request)
      await mendRuns()
      expect(await run([sinkFor(receiver)], request)).toMatchObject({ status: 'success' })
      expect(watched.events.filter(({ type }) => type === 'warning')).toEqual([])
      expect(await outbox(client)).toMatchObject([{ cancelled: true }, { sent: true }])
      expect(receiver.requests).toHaveLength(1)
    } finally {
      await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})

describe('a run', () => {
  it('is as it would be without a receiver that hangs, and the others are told meanwhile', async () => {
    const hanging = await startReceiver(HANG)
    const failing = await startReceiver(status(500))
    const fine = await startReceiver(OK)
    const watched = watchRun()
    const start = performance.now()
    const summary = await run(
      [
        sinkFor(hanging, { name: 'hanging', timeout: 1_500 }),
        sinkFor(failing, { name: 'failing' }),
        sinkFor(fine, { name: 'fine' }),
      ],
      { observer: watched.observer },
    )
    expect(performance.now() - start).toBeLessThan(4_000)
    expect(summary).toMatchObject({ status: 'success', verdict: 'Passed', final: true })
    expect((await client.query('SELECT status, verdict, error FROM job_runs')).rows).toEqual([
      { status: 'success', verdict: 'Passed', error: null },
    ])
    expect(fine.requests).toHaveLength(1)
    expect(await outbox(client)).toMatchObject([
      { sink: 'hanging', waiting: true, attempts: 1, last_error: '127.0.0.1: did not answer within 1.5 s' },
      { sink: 'failing', waiting: true, attempts: 1, last_error: '127.0.0.1: answered 500' },
      { sink: 'fine', waiting: false, sent: true, last_error: null },
    ])
    const warnings = watched.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    expect(warnings.sort()).toEqual([
      expect.stringMatching(
        /^the notice of run \d+ for "failing" could not be sent: 127\.0\.0\.1: answered 500; it will be retried/,
      ),
      expect.stringMatching(
        /^the notice of run \d+ for "hanging" could not be sent: .*did not answer within 1\.5 s/,
      ),
    ])
  })

  it('is held up for ten seconds at most, whatever the sinks’ own timeouts are', async () => {
    const hanging = await startReceiver(HANG)
    const start = performance.now()
    expect(await run([sinkFor(hanging, { timeout: 30_000 })])).toMatchObject({ status: 'success' })
    expect(performance.now() - start).toBeLessThan(13_000)
    expect(await outbox(client)).toMatchObject([
      { waiting: true, attempts: 1, last_error: '127.0.0.1: was not waited for any longer' },
    ])
  })

  it('sends what an earlier one left, while it goes on', async () => {
    const receiver = await startReceiver(status(503))
    const sink = sinkFor(receiver)
    await run([sink])
    const [left] = eventsOf(receiver)
    const ended: unknown[] = []
    const look = async (): Promise<void> => {
      const { rowCount } = await client.query(`SELECT FROM job_runs WHERE status = 'success'`)
      ended.push(rowCount)
    }
    receiver.behave = (response) => void look().finally(() => response.end())
    await letTimePass(client)
    await slowRuns()
    await run([sink])
    expect(ended).toEqual([1, 2])
    expect(eventsOf(receiver).map(({ id }) => id)[1]).toBe(left?.id)
    expect(receiver.requests).toHaveLength(3)
    expect(await outbox(client)).toMatchObject([
      { sent: true, attempts: 2 },
      { sent: true, attempts: 1 },
    ])
  })

  it('does not fail when notices cannot be stored, and says so', async () => {
    const receiver = await startReceiver()
    const watched = watchRun()
    await client.query('ALTER TABLE notification_outbox RENAME TO elsewhere')
    try {
      const summary = await run([sinkFor(receiver)], { observer: watched.observer })
      expect(summary).toMatchObject({ status: 'success' })
    } finally {
      await client.query('ALTER TABLE elsewhere RENAME TO notification_outbox')
    }
    const warnings = watched.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    expect(warnings).toContainEqual(
      expect.stringMatching(/^the notices of the end of run \d+ could not be stored: relation/),
    )
    expect(receiver.requests).toEqual([])
  })
})
