import { beforeEach, describe, expect, it } from 'vitest'
import { finishJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../job-image/db/runs/job-runs.ts'
import { claimNotice } from '../../../job-image/db/runs/notices.ts'
import { inTransaction } from '../../../job-image/db/session/client.ts'
import type { Notice } from '../../../job-image/notify/notice.ts'
import { storedSinks } from '../../../job-image/notify/stored-sinks.ts'
import type { Sink } from '../../../job-image/notify/sink.ts'
import { enqueueNotices } from '../../../job-image/run/enqueue-notices.ts'
import { createDatabase } from '../../support/database.ts'
import { webhookSink } from '../../support/sinks.ts'

const { client } = await createDatabase()
const ops = webhookSink('http://127.0.0.1:1')
beforeEach(() => client.query('TRUNCATE job_runs, notification_outbox RESTART IDENTITY CASCADE'))

const metrics = { systems: 1, controls: 2, results_saved: 2, pass: 1, fail: 1 }

async function endedRun(verdict: 'Passed' | 'Findings' | 'Errored', attributes = {}): Promise<JobRun> {
  const run = await startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes,
    runKey: `k-${Math.random()}`,
    schedule: 'nightly',
    slotAt: '2026-11-24T02:00:00Z',
  })
  const status = verdict === 'Errored' ? 'failed' : 'success'
  const error = verdict === 'Errored' ? 'e'.repeat(10_000) : null
  return (await finishJobRun(client, run, { status, verdict, metrics, error }))!
}

const enqueue = (
  run: JobRun,
  notifications: readonly Sink[] = [ops],
  warnings: string[] = [],
): Promise<void> =>
  inTransaction(client, () =>
    enqueueNotices(client, run, { notifications, observer: ({ message }) => void warnings.push(message) }),
  )

type Row = { readonly sink: string; readonly payload: Notice; readonly grace: number }
async function stored(): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT sink, payload, extract(epoch FROM next_try_at - created_at)::int AS grace
       FROM notification_outbox ORDER BY id`,
  )
  return rows
}

describe('the notices of the end of a run', () => {
  it('have the run, its schedule and the previous run of the same scope', async () => {
    const before = await endedRun('Passed')
    const run = await endedRun('Findings')
    await enqueue(run, [webhookSink('http://127.0.0.1:1', { on: ['worse', 'findings'] })])
    const [row] = await stored()
    expect(row).toMatchObject({
      sink: 'ops',
      grace: 0,
      payload: {
        triggers: ['worse', 'findings'],
        trigger: 'worse',
        run: {
          runId: run.id,
          verdict: 'Findings',
          schedule: 'nightly',
          slotAt: '2026-11-24T02:00:00Z',
          counts: { results: 2, notPass: 1 },
        },
        previous: { runId: before.id, runKey: before.run_key, verdict: 'Passed', counts: { results: 2 } },
      },
    })
    expect(row?.payload.time).toBe(row?.payload.run.finishedAt)
  })

  it('are none for a sink without a matching trigger or of another environment', async () => {
    const quiet = webhookSink('http://127.0.0.1:1', { on: ['errored'] })
    const staging = webhookSink('http://127.0.0.1:1', { name: 'staging', environments: ['staging'] })
    await enqueue(await endedRun('Passed'), [quiet, staging])
    expect(await stored()).toEqual([])
  })

  it('wait for the grace of their sink only where a retry can change the outcome, and are short', async () => {
    await enqueue(await endedRun('Errored'))
    await enqueue(await endedRun('Passed'))
    const rows = await stored()
    expect(rows.map(({ grace }) => grace)).toEqual([300, 0])
    expect(rows[0]!.payload.run.message.length).toBeLessThan(10_000)
  })

  it('are for the sinks of this process and for those that the run has stored', async () => {
    const other = webhookSink('http://127.0.0.1:1', { name: 'other', grace: 7_000 })
    const run = await endedRun('Errored', storedSinks([{ ...ops, grace: 1_000 }, other], 'production'))
    await enqueue(run)
    expect((await stored()).map(({ sink, grace }) => [sink, grace])).toEqual([
      ['ops', 300],
      ['other', 7],
    ])
  })

  it('report a recovery to a sink that was notified of the failure of the same run', async () => {
    const failed = await endedRun('Errored')
    await enqueue(failed)
    await client.query('UPDATE notification_outbox SET sent_at = next_try_at, next_try_at = NULL')
    await client.query(`UPDATE job_runs SET status = 'running'`)
    const run = (await finishJobRun(client, failed, { status: 'success', verdict: 'Passed', metrics }))!
    const recovered = webhookSink('http://127.0.0.1:1', { on: ['recovered'] })
    await enqueue(run, [recovered, { ...recovered, name: 'late' }])
    expect((await stored()).slice(1)).toMatchObject([
      { sink: 'ops', payload: { trigger: 'recovered', previous: { runId: run.id, verdict: 'Errored' } } },
    ])
  })
})

describe('an error while they are stored', () => {
  it('loses them with a warning, and not the transaction', async () => {
    await client.query('ALTER TABLE notification_outbox RENAME TO gone')
    const warnings: string[] = []
    const run = await endedRun('Passed')
    await enqueue(run, [ops], warnings)
    await client.query('ALTER TABLE gone RENAME TO notification_outbox')
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^the notices of the end of run ${run.id} could not be stored: .*outbox`),
      ),
    ])
  })

  it('that a retry can correct rolls the transaction back', async () => {
    await client.query(`
      CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'disk full' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON notification_outbox EXECUTE FUNCTION full_disk()`)
    await expect(enqueue(await endedRun('Passed'))).rejects.toThrow('disk full')
    await client.query('DROP FUNCTION full_disk CASCADE')
    expect(await claimNotice(client, { name: 'ops', environments: ['production'] })).toBeUndefined()
  })
})
