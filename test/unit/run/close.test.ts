import { describe, expect, it } from 'vitest'
import { countsOf, scopeOf, verdictOf } from '../../../job-image/run/close.ts'
import { jobRun } from '../../support/job-run.ts'

const totals = {
  systems: 4,
  pending: 0,
  failedSystems: 1,
  error: null,
  counts: { pass: 10, fail: 3, insufficientEvidence: 2, unknown: 1 },
}

it('the counts of a run add up its systems, and its errors are systems and controls', () => {
  expect(countsOf(totals, { controls: 5, invalidControls: 2 })).toEqual({
    systems: 4,
    controls: 5,
    results: 16,
    pass: 10,
    notPass: 6,
    fail: 3,
    insufficientEvidence: 2,
    unknown: 1,
    errors: 3,
  })
})

it('the scope of a run is what planning stored', () => {
  expect(scopeOf(jobRun({ metrics: { controls: 5, invalid_controls: 2 } }))).toEqual({
    controls: 5,
    invalidControls: 2,
  })
  expect(scopeOf(jobRun({ metrics: {} }))).toEqual({ controls: 0, invalidControls: 0 })
})

describe('the verdict', () => {
  const passed = countsOf(
    { ...totals, failedSystems: 0, counts: { pass: 16, fail: 0, insufficientEvidence: 0, unknown: 0 } },
    { controls: 4, invalidControls: 0 },
  )

  it.each([
    ['all results pass', {}, 'Passed'],
    ['one result is not pass', { notPass: 1 }, 'Findings'],
    ['one system or control has an error', { errors: 1 }, 'Incomplete'],
    ['there are errors and findings', { errors: 1, notPass: 5 }, 'Incomplete'],
    ['there is no system', { systems: 0 }, 'Incomplete'],
    ['there is no control', { controls: 0 }, 'Incomplete'],
  ])('where %s', (_, changes, verdict) => {
    expect(verdictOf({ ...passed, ...changes })).toBe(verdict)
  })
})
