import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../../../common/webhook/cloud-event.ts'
import type { FinishedRun } from '../../../../crds/validation-schedule.ts'
import { Notices } from '../../../../operator/notices/notices.ts'
import { noticeId } from '../../../../operator/notices/notices-event.ts'
import { currentNotices } from '../../../../operator/plan/status/notices.ts'
import type { ScheduleNotice } from '../../../../operator/plan/status/notices.ts'
import { compactRun } from '../../../../operator/plan/runs/recent-runs.ts'
import { NOW, at, schedule } from '../fixtures.ts'

const KEY = 'compliance/nightly'

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

function setUp() {
  const told: string[] = []
  let cleared = 0
  const notices = new Notices({
    add: (_key, { id }: CloudEvent) => told.push(id),
    clear: () => (cleared += 1),
  })
  /** One reconcile, with what the status says in the end. */
  const reconcile = (before: ReturnType<typeof withRuns>, after = before, now = NOW): void => {
    notices.markReported(KEY, before, now)
    notices.enqueue(KEY, after, currentNotices(after.status))
  }
  const idOf = (jobUID: string) =>
    noticeId(schedule(), { type: 'run.errored', dedupKey: jobUID } as unknown as ScheduleNotice)
  return { notices, told, reconcile, idOf, cleared: () => cleared }
}

describe('a leader', () => {
  it('tells once of what happens', () => {
    const { told, reconcile, idOf } = setUp()
    reconcile(withRuns())
    reconcile(withRuns(), withRuns(run('1', 0)))
    reconcile(withRuns(run('1', 0)))
    reconcile(withRuns(run('1', 0)), withRuns(run('2', 10), run('1', 0)))
    expect(told).toEqual([idOf('1'), idOf('2')])
  })

  it('that is new tells again, under the same id, what its predecessor may not have told', () => {
    const { notices, told, reconcile, idOf } = setUp()
    const both = withRuns(run('late', -599), run('early', -601))
    reconcile(both)
    expect(told).toEqual([idOf('late')])
    notices.endTerm()
    notices.startTerm()
    reconcile(both, both, NOW + 500)
    expect(told).toEqual([idOf('late'), idOf('late')])
  })

  it('that is new tells of what ended long ago and was seen by nobody', () => {
    const { told, reconcile, idOf } = setUp()
    reconcile(withRuns(), withRuns(run('1', -7_200)))
    expect(told).toEqual([idOf('1')])
  })

  it('tells only what the status says, also if it takes several tries to be written', () => {
    const { notices, told, reconcile, idOf } = setUp()
    notices.markReported(KEY, withRuns(), NOW)
    // Written all the same, as the cache shows later.
    reconcile(withRuns(run('1', -7_200)))
    expect(told).toEqual([idOf('1')])
  })

  it('leaves the rest to the next one', () => {
    const { notices, cleared } = setUp()
    notices.endTerm()
    expect(cleared()).toBe(1)
  })
})
