import { describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { InputError, InterruptedError } from '../../../job-image/errors.ts'
import { runScheduledValidation, runValidationJob, startScheduler } from '../../../job-image/library/api.ts'
import { createDatabase } from '../../support/database.ts'
import { createFolder } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 3, controls: ['AC-2', 'AC-2(1)', 'AU-2', 'SC-7'] })
const folder = createFolder()
folder.write('all.yaml', 'environments: { production: }\n')
folder.write('urls.yaml', "environments: { staging: { database_url: '${STAGING_URL}' } }\n")

const options = { config: `${folder.path}/all.yaml`, databaseUrl: url }

const storedOf = async (id: number) =>
  (
    await client.query(
      `SELECT environment, run_key, schedule, attributes ->> 'triggered_by' AS by FROM job_runs WHERE id = $1`,
      [id],
    )
  ).rows[0] as unknown

describe('a validation', () => {
  it('resolves to its status, the id of its row, its metrics and its summary', async () => {
    const result = await runValidationJob({ ...options, runKey: 'mine' })
    expect(result).toMatchObject({
      status: 'success',
      metrics: { systems: 3, controls: 4, results_saved: 12, errors: 0 },
      summary: { runKey: 'mine', final: true, environment: 'production' },
    })
    expect(result.jobId).toBe(result.summary.runId)
    expect(await storedOf(result.jobId)).toEqual({
      environment: 'production',
      run_key: 'mine',
      schedule: null,
      by: 'library',
    })
    // The same key reports the run that succeeded.
    expect((await runValidationJob({ ...options, runKey: 'mine' })).jobId).toBe(result.jobId)
  })

  it('is marked as the one of a scheduler, or of the program that is named', async () => {
    const scheduled = await runScheduledValidation(options)
    expect(await storedOf(scheduled.jobId)).toMatchObject({ by: 'scheduler' })
    const named = await runScheduledValidation({ ...options, triggeredBy: 'ours' })
    expect(await storedOf(named.jobId)).toMatchObject({ by: 'ours' })
    const identity = { uid: 'uid', name: 'nightly' }
    const { jobId } = await runValidationJob({ ...options, schedule: identity })
    expect(await storedOf(jobId)).toMatchObject({ schedule: 'nightly' })
  })

  it('has the variables that it is given', async () => {
    const { summary } = await runValidationJob({
      config: `${folder.path}/urls.yaml`,
      environment: 'staging',
      env: { STAGING_URL: url },
    })
    expect(summary).toMatchObject({ environment: 'staging', verdict: 'Incomplete' })
  })

  it('publishes all results or none', async () => {
    const rowsOf = async (id: number) =>
      (await client.query('SELECT FROM validation_results WHERE job_run_id = $1', [id])).rowCount
    const none = await runValidationJob({ ...options, publish: 'none' })
    expect(none.metrics).toMatchObject({ results_saved: 12 })
    expect(await rowsOf(none.jobId)).toBe(0)
    const all = await runValidationJob({ ...options, publish: 'all', env: { RESULTS_PUBLISH: 'none' } })
    expect(await rowsOf(all.jobId)).toBe(12)
    // A program in JavaScript can give any value.
    const unknown = 'changes' as 'all'
    await expect(runValidationJob({ ...options, publish: unknown })).rejects.toThrow(
      'publish: expected all or none, found "changes"',
    )
    await expect(startScheduler({ ...options, publish: unknown }).done).rejects.toThrow(InputError)
  })

  it('rejects for bad input, and when it is stopped', async () => {
    await expect(runValidationJob({ ...options, environment: 'nowhere' })).rejects.toThrow(InputError)
    const signal = AbortSignal.abort()
    await expect(runValidationJob({ ...options, signal })).rejects.toThrow(InterruptedError)
  })

  it('tells an observer its events', async () => {
    const types: string[] = []
    await runValidationJob({ ...options, observer: ({ type }) => void types.push(type) })
    expect(types).toEqual(expect.arrayContaining(['planned', 'closed']))
  })
})

it('restricts the runs of a schedule', async () => {
  const done = Promise.withResolvers<RunSummary>()
  const scheduler = startScheduler({
    config: `${folder.path}/all.yaml`,
    databaseUrl: url,
    cron: '@every 1s',
    selection: { controls: { families: ['SC'] } },
    observer: { finished: (_, summary) => done.resolve(summary), failed: (_, error) => done.reject(error) },
  })
  expect(await done.promise).toMatchObject({
    counts: { systems: 3, controls: 1 },
    scope: { text: 'controls family SC' },
  })
  scheduler.stop()
  await scheduler.done.catch(() => {})
})

it('works from a program', async () => {
  const { summary } = await runValidationJob({ ...options, selection: { systems: { include: ['*-2'] } } })
  expect(summary).toMatchObject({ counts: { systems: 1 }, scope: { text: 'systems *-2' } })
  await expect(runValidationJob({ ...options, selection: { systems: { include: [''] } } })).rejects.toThrow(
    'selection.systems.include.0: must not be empty',
  )
})

describe('a scheduler', () => {
  it('stops when it waits for its slot, which is at two every night unless it is given', async () => {
    const slots: string[] = []
    const scheduler = startScheduler({ ...options, observer: { next: (slot) => void slots.push(slot) } })
    await expect.poll(() => slots).toEqual([expect.stringMatching(/T02:00:00Z$/)])
    scheduler.stop()
    await scheduler.done
  })

  it('rejects for options that are not valid', async () => {
    await expect(startScheduler({ ...options, cron: '0 25 * * *' }).done).rejects.toThrow(InputError)
    await expect(startScheduler({ ...options, timezone: 'Mars/Base' }).done).rejects.toThrow('--timezone')
    await expect(startScheduler({ ...options, schedule: '' }).done).rejects.toThrow('--schedule')
  })
})
