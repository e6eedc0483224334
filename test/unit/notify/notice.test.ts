import { describe, expect, it } from 'vitest'
import { noticeId, testNotice } from '../../../job-image/notify/notice.ts'

describe('the id of a notice', () => {
  const id = noticeId('key', 7, '2026-11-23 02:00:01.5', 'ops')

  it('stays the same, so that a receiver can tell a repetition', () => {
    expect(noticeId('key', 7, '2026-11-23 02:00:01.5', 'ops')).toBe(id)
    expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is another one for another end of the run, another run, another database and another sink', () => {
    const others = [
      noticeId('key', 7, '2026-11-23 02:05:01', 'ops'),
      noticeId('key', 8, '2026-11-23 02:00:01.5', 'ops'),
      noticeId('other', 7, '2026-11-23 02:00:01.5', 'ops'),
      noticeId('key', 7, '2026-11-23 02:00:01.5', 'audit'),
    ]
    expect(new Set([id, ...others]).size).toBe(5)
  })
})

it('a notice of a test reports a run that does not exist', () => {
  expect(testNotice('id-1', 'staging', '2026-11-23T02:00:09Z')).toEqual({
    id: 'id-1',
    trigger: 'test',
    triggers: ['test'],
    time: '2026-11-23T02:00:09Z',
    previous: null,
    run: {
      version: 1,
      runKey: 'test',
      runId: null,
      environment: 'staging',
      final: true,
      status: 'success',
      verdict: 'Passed',
      reason: 'Test',
      message: 'this is a test of notifications; no run has ended',
      startedAt: null,
      finishedAt: null,
      counts: {
        systems: 0,
        controls: 0,
        results: 0,
        pass: 0,
        notPass: 0,
        fail: 0,
        insufficientEvidence: 0,
        unknown: 0,
        errors: 0,
      },
      schedule: null,
      slotAt: null,
    },
  })
})
