import { describe, expect, it } from 'vitest'
import { beginAttempt } from '../../../job-image/db/runs/attempts.ts'
import { getJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { runDetail, runDetailJson } from '../../../job-image/run-view/run-detail.ts'
import type { RunDetail } from '../../../job-image/run-view/run-detail.ts'
import { createDatabase } from '../../support/database.ts'
import { addRun } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const [first = 0, second = 0] = await seedWorld(client, { systems: 2, controls: ['AC-2', 'AU-2'] })

const detailOf = async (id: number): Promise<RunDetail> => {
  const run = await getJobRun(client, id)
  return runDetail(client, run!, 60_000)
}

describe('the details of a run', () => {
  it('of an ended run are its row, its attempts and its systems', async () => {
    const { runId, counts, message } = await executeRun(runRequest(url))
    const detail = await detailOf(runId!)
    expect(detail).toMatchObject({
      run: { id: runId, silentSince: null },
      message,
      counts,
      attempts: [{ attempt: 1, outcome: 'success' }],
      systems: [
        { system: 'production-system-1', state: 'done' },
        { system: 'production-system-2', state: 'done' },
      ],
    })
    await client.query('DELETE FROM run_records WHERE job_run_id = $1 AND system_id = $2', [runId, first])
    expect((await detailOf(runId!)).counts).toEqual(counts)
  })

  it('of a running run count what it has stored so far, and say since when it is silent', async () => {
    const id = await addRun(client, {
      status: 'running',
      daysAgo: 1,
      answers: [
        { systemId: first, controlIds: [1, 2] },
        { systemId: second, state: 'pending' },
      ],
    })
    const detail = await detailOf(id)
    expect(detail.counts).toMatchObject({ systems: 2, results: 2, pass: 2 })
    expect(detail.run.silentSince).not.toBeNull()
    const run = await getJobRun(client, id)
    await beginAttempt(client, run!, 'worker', 'host')
    expect((await detailOf(id)).run.silentSince).toBeNull()
  })

  it('of a run of another program are its row alone', async () => {
    const id = await addRun(client, { runKey: null, answers: [{ systemId: first }] })
    expect(await detailOf(id)).toMatchObject({
      run: { id, silentSince: null },
      message: null,
      counts: null,
      attempts: [],
      systems: [],
    })
    expect(runDetailJson(await detailOf(id))).toMatchObject({
      counts: null,
      planned_at: expect.any(String) as string,
    })
  })
})

it('the details as JSON have the counts by their names in the row, and ISO-8601 times', async () => {
  const { runId } = await executeRun(runRequest(url))
  const json = runDetailJson(await detailOf(runId!)) as Record<string, unknown>
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string
  expect(json).toMatchObject({
    id: runId,
    started_at: time,
    planned_at: time,
    counts: { systems: 2, controls: 2, results_saved: 4, errors: 0 },
    attempts: [{ started_at: time, heartbeat_at: time, ended_at: time }],
    systems: [{ decided_at: time }, { decided_at: time }],
  })
})
