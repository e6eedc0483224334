import { expect, it } from 'vitest'
import type { FinishedRun } from '../../../../crds/validation-schedule.ts'
import { noticeEvent, noticeId } from '../../../../operator/notices/notices-event.ts'
import { compactRun } from '../../../../operator/plan/runs/recent-runs.ts'
import { currentNotices } from '../../../../operator/plan/status/notices.ts'
import type { ScheduleNotice } from '../../../../operator/plan/status/notices.ts'
import { at, schedule } from '../fixtures.ts'

const run = (jobUID: string, seconds: number): FinishedRun => ({
  jobUID,
  job: `job-${jobUID}`,
  trigger: 'Schedule',
  scheduledTime: at(seconds - 60),
  startTime: at(seconds - 60),
  completionTime: at(seconds),
  verdict: 'Errored',
  reason: 'DeadlineExceeded',
  message: 'it made no progress',
  late: false,
})

/** A schedule whose status has these runs, newest first. */
const withRuns = (...runs: FinishedRun[]) =>
  schedule({}, { status: { lastRun: runs[0], recentRuns: runs.map(compactRun) } })

it('a notice is a CloudEvent, with the names that the notices of runs have', () => {
  const [notice] = currentNotices(withRuns(run('uid-1', 0)).status)
  expect(noticeEvent(schedule(), notice!)).toEqual({
    specversion: '1.0',
    id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    source: '/rapidrmf/namespaces/compliance/schedules/nightly',
    type: 'io.rapidrmf.run.errored',
    subject: 'jobs/job-uid-1',
    time: at(0),
    datacontenttype: 'application/json',
    data: {
      reason: 'DeadlineExceeded',
      message: 'it made no progress',
      schedule: {
        namespace: 'compliance',
        name: 'nightly',
        uid: 'schedule-uid',
        environment: 'production',
      },
      run: {
        run_id: null,
        run_key: 'uid-1',
        job: 'job-uid-1',
        environment: 'production',
        verdict: 'Errored',
        reason: 'DeadlineExceeded',
        message: 'it made no progress',
        started_at: at(-60),
        finished_at: at(0),
        schedule: 'nightly',
        slot_at: at(-60),
      },
    },
  })
})

it('an id is of one schedule, one type and one dedupKey', () => {
  const notice = { type: 'run.errored', dedupKey: '1' } as unknown as ScheduleNotice
  const ids = [
    noticeId(schedule(), notice),
    noticeId(schedule({}, { uid: 'another' }), notice),
    noticeId(schedule(), { ...notice, type: 'run.stuck' }),
    noticeId(schedule(), { ...notice, dedupKey: '2' }),
  ]
  expect(new Set(ids).size).toBe(4)
  expect(noticeId(schedule({}, { resourceVersion: '2', name: 'nightly' }), notice)).toBe(ids[0])
})
