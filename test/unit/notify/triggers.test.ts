import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../../crds/run-summary.ts'
import { retryDelay } from '../../../job-image/outbox/deliver.ts'
import { noticeId } from '../../../job-image/notify/notice.ts'
import { triggersOf } from '../../../job-image/notify/triggers.ts'

describe('what holds of a run', () => {
  const cases: [Verdict, Verdict | undefined, string][] = [
    ['Passed', undefined, 'always'],
    ['Findings', undefined, 'findings always'],
    ['Incomplete', undefined, 'findings always'],
    ['Errored', undefined, 'errored always'],
    ['Passed', 'Passed', 'always'],
    ['Passed', 'Findings', 'recovered always'],
    ['Passed', 'Incomplete', 'recovered always'],
    ['Passed', 'Errored', 'recovered always'],
    ['Findings', 'Passed', 'worse findings always'],
    ['Findings', 'Findings', 'findings always'],
    ['Findings', 'Incomplete', 'recovered findings always'],
    ['Findings', 'Errored', 'recovered findings always'],
    ['Incomplete', 'Passed', 'worse findings always'],
    ['Incomplete', 'Findings', 'worse findings always'],
    ['Incomplete', 'Incomplete', 'findings always'],
    ['Incomplete', 'Errored', 'recovered findings always'],
    ['Errored', 'Passed', 'errored worse always'],
    ['Errored', 'Findings', 'errored worse always'],
    ['Errored', 'Incomplete', 'errored worse always'],
    ['Errored', 'Errored', 'errored always'],
  ]
  it.each(cases)('%s after %s: %s', (verdict, previous, expected) => {
    expect(triggersOf(verdict, previous).join(' ')).toBe(expected)
  })
})

describe('the pause after a failed try', () => {
  it('doubles from half a minute, is up to a half shorter by chance, and ends', () => {
    const delays = Array.from({ length: 11 }, (_, index) => retryDelay(index + 1, () => 0))
    const seconds = [30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680]
    expect(delays).toEqual([...seconds.map((each) => each * 1000), null, null])
    expect(retryDelay(3, () => 0.999_999)).toBeGreaterThanOrEqual(60_000)
    expect(retryDelay(3, () => 0.999_999)).toBeLessThan(60_001)
  })
})

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
