import { expect, it } from 'vitest'
import { runNowJob } from '../../../../../operator/plan/cron-job/requested-job.ts'
import { runRequest } from '../../../../../operator/plan/runs/run-request.ts'
import type { RunRequestInput } from '../../../../../operator/plan/runs/run-request.ts'
import { runNowName } from '../../../../../operator/values/names.ts'
import { DEFAULTS, job, schedule } from '../../fixtures.ts'

const REQUESTED = schedule({}, { runRequest: 'today' })
const decide = (change: Partial<RunRequestInput> = {}) =>
  runRequest({
    schedule: REQUESTED,
    jobs: [],
    accepted: true,
    busy: false,
    refusal: undefined,
    defaults: DEFAULTS,
    ...change,
  })
const name = runNowName(REQUESTED, 'today')
const controller = { ...job('1').controller!, uid: 'schedule-uid' }

it('creates the Job, also while the schedule is suspended', () => {
  expect(decide()).toEqual({ kind: 'create', job: runNowJob(REQUESTED, DEFAULTS) })
  const suspended = schedule({ suspend: true }, { runRequest: 'today' })
  expect(decide({ schedule: suspended })).toMatchObject({ kind: 'create' })
})

it('is none without a token, or with the one that was handled last', () => {
  expect(decide({ schedule: schedule() })).toEqual({ kind: 'none' })
  const status = { lastHandledRunRequest: 'today' }
  expect(decide({ schedule: { ...REQUESTED, status } })).toEqual({ kind: 'none' })
  const earlier = { lastHandledRunRequest: 'yesterday' }
  expect(decide({ schedule: { ...REQUESTED, status: earlier } })).toMatchObject({ kind: 'create' })
})

it('is handled where its Job exists, whatever else there is', () => {
  const jobs = [job('1', { name, controller })]
  const rest = { accepted: false, busy: true, refusal: { message: 'no' } }
  expect(decide({ jobs, ...rest })).toEqual({ kind: 'handled', token: 'today' })
})

it('is not handled by a Job of its name that another object controls', () => {
  for (const other of [
    job('1', { name }),
    job('1', { controller }),
    job('1', { name, controller: undefined }),
  ])
    expect(decide({ jobs: [other] })).toMatchObject({ kind: 'create' })
})

it('is refused, waits or has failed, in this order', () => {
  const refusal = { message: 'exceeded quota' }
  expect(decide({ accepted: false, busy: true, refusal })).toEqual({ kind: 'refused' })
  expect(decide({ busy: true, refusal })).toEqual({ kind: 'waiting' })
  expect(decide({ refusal })).toEqual({ kind: 'failed', token: 'today', message: 'exceeded quota' })
})
