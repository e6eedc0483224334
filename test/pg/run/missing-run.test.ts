import { beforeEach, expect, it } from 'vitest'
import { startJobRun } from '../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../job-image/db/runs/job-runs.ts'
import { RunError } from '../../../job-image/errors.ts'
import { missingRunError } from '../../../job-image/run/missing-run.ts'
import { createDatabase } from '../../support/database.ts'

const { client } = await createDatabase()
beforeEach(() => client.query('TRUNCATE job_runs RESTART IDENTITY CASCADE'))

const start = (runKey: string | null): Promise<JobRun> =>
  startJobRun(client, { jobType: 'validation', environment: 'production', attributes: {}, runKey })

/** The message after the run was lost and, if given, another run has its number. */
async function messageAfterLoss(other?: string | null): Promise<string> {
  const run = await start('mine')
  await client.query('TRUNCATE job_runs RESTART IDENTITY CASCADE')
  if (other !== undefined) await start(other)
  const error = await missingRunError(client, run)
  expect(error).toBeInstanceOf(RunError)
  return error.message
}

it('a run that is lost is named, with the possible causes and what to do', async () => {
  expect(await messageAfterLoss()).toMatch(
    /^run 1 \(key mine\) is no longer in this database: its job_runs row was deleted, or .*restored\)\. Nothing more was stored; start the run again with the same key/,
  )
})

it.each([
  ['theirs', '; the number 1 now belongs to another run (key theirs). Nothing more'],
  [null, '; the number 1 now belongs to another run (without a key). Nothing more'],
  ['mine', '; run 1 was restarted with the same key at '],
])('the run that has its number now is named: %s', async (key, text) => {
  expect(await messageAfterLoss(key)).toContain(text)
})
