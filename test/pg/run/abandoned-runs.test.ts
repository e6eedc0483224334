import { beforeEach, describe, expect, it } from 'vitest'
import { beginAttempt, listAttempts } from '../../../job-image/db/runs/attempts.ts'
import { getJobRun, startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import type { JobRun, NewJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { closeAbandonedRuns, closeAbandonedRunsOf } from '../../../job-image/run/abandoned-runs.ts'
import { createDatabase } from '../../support/database.ts'
import { outbox, webhookSink } from '../../support/sinks.ts'

const { client, url } = await createDatabase()
/** ms */
const ABANDON_AFTER = 60_000
const production = { environment: 'production', scheduleUid: null }
let keys = 0
beforeEach(() => client.query('TRUNCATE job_runs, notification_outbox CASCADE'))

async function runWith(heartbeats: readonly string[], changes: Partial<NewJobRun> = {}): Promise<JobRun> {
  keys += 1
  const run = await startJobRun(client, {
    jobType: 'validation',
    environment: 'production',
    attributes: {},
    runKey: `key-${keys}`,
    ...changes,
  })
  for (const [index, age] of heartbeats.entries()) {
    const attempt = await beginAttempt(client, run, `worker-${index}`, 'host')
    await client.query(
      `UPDATE job_run_attempts SET heartbeat_at = heartbeat_at - $3::interval WHERE job_run_id = $1 AND attempt = $2`,
      [run.id, attempt, age],
    )
  }
  return run
}

const stateOf = async ({ id }: JobRun): Promise<[unknown, unknown]> => {
  const run = await getJobRun(client, id)
  return [run?.status, run?.error]
}
const FAILED = [
  'failed',
  'abandoned: every process that worked on this run died or lost its connection for good',
]
const RUNNING = ['running', null]

describe('abandoned runs', () => {
  it('are closed, with their silent attempts; a run with one live attempt is not', async () => {
    const dead = await runWith(['1 h', '2 min'])
    const alive = await runWith(['1 h', '0'])
    const never = await runWith([])
    await closeAbandonedRuns(client, { among: production, abandonAfter: ABANDON_AFTER })
    expect(await stateOf(dead)).toEqual(FAILED)
    expect(await stateOf(alive)).toEqual(RUNNING)
    expect(await stateOf(never)).toEqual(FAILED)
    const outcomes = async ({ id }: JobRun) => (await listAttempts(client, id)).map(({ outcome }) => outcome)
    expect(await outcomes(dead)).toEqual(['abandoned', 'abandoned'])
    expect(await outcomes(alive)).toEqual(['abandoned', null])
  })

  it('are those of the environment, or of the schedule', async () => {
    const staging = await runWith(['1 h'], { environment: 'staging' })
    const scheduled = await runWith(['1 h'], { environment: 'staging', scheduleUid: 'nightly' })
    await closeAbandonedRuns(client, {
      among: { environment: 'production', scheduleUid: 'nightly' },
      abandonAfter: ABANDON_AFTER,
    })
    expect(await stateOf(staging)).toEqual(RUNNING)
    expect(await stateOf(scheduled)).toEqual(FAILED)
  })

  it('do not include the excepted run, whose silent attempts are ended nevertheless', async () => {
    const mine = await runWith(['1 h'])
    const options = { among: production, except: mine.run_key ?? '', abandonAfter: ABANDON_AFTER }
    await closeAbandonedRuns(client, options)
    expect(await stateOf(mine)).toEqual(RUNNING)
    expect(await listAttempts(client, mine.id)).toMatchObject([{ outcome: 'abandoned' }])
  })

  it('of other programs are left alone', async () => {
    const other = await runWith([], { runKey: null })
    await closeAbandonedRuns(client, { among: production, abandonAfter: ABANDON_AFTER })
    expect(await stateOf(other)).toEqual(RUNNING)
  })

  it('have their notices', async () => {
    await runWith(['1 h'])
    const notifications = [webhookSink('http://127.0.0.1:1')]
    await closeAbandonedRuns(client, { among: production, abandonAfter: ABANDON_AFTER, notifications })
    expect(await outbox(client)).toMatchObject([{ sink: 'ops', trigger: 'always' }])
  })
})

describe('a session of its own', () => {
  it('closes those of one environment, or of all', async () => {
    const staging = await runWith(['1 h'], { environment: 'staging' })
    await closeAbandonedRunsOf({ url }, 'production', { abandonAfter: ABANDON_AFTER })
    expect(await stateOf(staging)).toEqual(RUNNING)
    await closeAbandonedRunsOf({ url }, null, { abandonAfter: ABANDON_AFTER })
    expect(await stateOf(staging)).toEqual(FAILED)
  })

  it('reports an error as a warning', async () => {
    const warnings: unknown[] = []
    const unreachable = { url: 'postgresql://u@127.0.0.1:1/db', retryFor: 0 }
    const observer = (event: unknown): void => void warnings.push(event)
    await closeAbandonedRunsOf(unreachable, null, { abandonAfter: ABANDON_AFTER, observer })
    expect(warnings).toEqual([
      {
        type: 'warning',
        message: expect.stringMatching(/^abandoned runs could not be closed: .*127\.0\.0\.1:1/) as string,
      },
    ])
  })
})
