import { describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../../../crds/run-summary.ts'
import {
  contradiction,
  finalSummaries,
  isSuccess,
  summaryOf,
} from '../../../../../operator/plan/runs/summaries.ts'
import { endedPod, pod, summary } from '../../fixtures.ts'

const left = (name: string, change: Partial<RunSummary> = {}) => ({
  ...endedPod('1', summary('1', change)),
  name,
})
const COUNTS = { systems: 3, controls: 4, results: 12, pass: 12, notPass: 0, fail: 0 }
const OTHER_COUNTS = { ...COUNTS, insufficientEvidence: 0, unknown: 0, errors: 0 }

describe('the summary of a pod', () => {
  it('counts for the run of its Job only', () => {
    expect(summaryOf(left('a'), '1')).toMatchObject({ runKey: '1', runId: 1207 })
    expect(summaryOf(left('a'), '2')).toBeUndefined()
  })

  it.each([
    ['a pod that runs', pod('1')],
    ['a pod without a message', endedPod('1', '')],
    ['a pod with another text', endedPod('1', 'panic')],
  ])('is missing for %s', (_what, of) => {
    expect(summaryOf(of, '1')).toBeUndefined()
  })
})

it('final summaries are those of closed runs, by pod name', () => {
  const pods = [left('b'), left('c', { final: false }), left('a'), endedPod('1', 'panic'), pod('1')]
  expect(finalSummaries(pods, '1').map((each) => each.pod)).toEqual(['a', 'b'])
})

it.each([
  [{}, true],
  [{ status: 'failed' as const }, false],
  [{ final: false }, false],
])('a summary with %j is a success: %j', (change, success) => {
  const found = { pod: 'a', summary: summaryOf(left('a', change), '1')! }
  expect(isSuccess(found)).toBe(success)
})

describe('summaries of one run', () => {
  const found = (...pods: ReturnType<typeof left>[]) =>
    contradiction(finalSummaries(pods, '1'))?.map((each) => each.pod)

  it.each<[string, ReturnType<typeof left>[]]>([
    ['none', []],
    ['one', [left('a')]],
    ['equal ones', [left('a'), left('b'), left('c')]],
    ['other words', [left('a'), left('b', { message: 'other words' })]],
    ['a failure that was reopened', [left('a', { status: 'failed', verdict: 'Errored' }), left('b')]],
    ['a summary that is not final', [left('a'), left('b', { final: false, runId: 7 })]],
  ])('agree: %s', (_what, pods) => {
    expect(found(...pods)).toBeUndefined()
  })

  it('contradict each other by number, also where a run failed', () => {
    expect(found(left('a'), left('b'), left('c', { runId: 7 }))).toEqual(['a', 'c'])
    expect(found(left('a'), left('b', { runId: 7, status: 'failed' }))).toEqual(['a', 'b'])
  })

  it('contradict each other by verdict or counts where both succeeded', () => {
    expect(found(left('a'), left('b', { verdict: 'Passed' }))).toEqual(['a', 'b'])
    expect(found(left('a'), left('b', { counts: OTHER_COUNTS }))).toEqual(['a', 'b'])
  })
})
