import { testNotice } from '../../job-image/notify/notice.ts'
import type { Notice } from '../../job-image/notify/notice.ts'

/** A notification of a run with a worse verdict. `run`: changes of its fields. */
export function noticeOf(run: Partial<Notice['run']> = {}, changes: Partial<Notice> = {}): Notice {
  const counts = { systems: 3, controls: 4, results: 12, pass: 10, notPass: 2 }
  const all = { ...counts, fail: 0, insufficientEvidence: 2, unknown: 0, errors: 0 }
  const base = testNotice('event-1', 'production', '2026-11-23T02:00:09Z')
  return {
    ...base,
    trigger: 'worse',
    triggers: ['worse', 'findings'],
    run: {
      ...base.run,
      runId: 12,
      runKey: 'nightly-1',
      verdict: 'Findings',
      reason: 'ControlsNotPassed',
      message: '2 of 12 results are not pass (3 systems, 4 controls)',
      startedAt: '2026-11-23T02:00:00Z',
      finishedAt: '2026-11-23T02:00:09Z',
      counts: all,
      schedule: 'nightly',
      slotAt: '2026-11-23T02:00:00Z',
      ...run,
    },
    previous: {
      runId: 11,
      runKey: 'nightly-0',
      finishedAt: '2026-11-22T02:00:09Z',
      verdict: 'Passed',
      counts: { ...all, pass: 12, notPass: 0, insufficientEvidence: 0 },
    },
    ...changes,
  }
}
