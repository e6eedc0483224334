import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../../crds/run-summary.ts'
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
