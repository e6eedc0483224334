import { describe, expect, it } from 'vitest'
import { decodeRunSummary } from '../../../../../crds/run-summary.ts'
import type { RunSummary } from '../../../../../crds/run-summary.ts'
import { contradicted, errored, fromSummary } from '../../../../../operator/plan/runs/outcome.ts'
import { summary } from '../../fixtures.ts'

const of = (change: Partial<RunSummary> = {}) => fromSummary(decodeRunSummary(summary('1', change))!)

describe('the outcome of a summary', () => {
  it('has its verdict, reason, message, number and counts', () => {
    expect(of()).toEqual({
      verdict: 'Findings',
      reason: 'ControlsNotPassed',
      message: '4 of 12 results are not pass',
      runId: '1207',
      counts: expect.objectContaining({ systems: 3, pass: 8, notPass: 4 }) as unknown,
    })
  })

  it('has no counts before the end of the run, and no number without a row', () => {
    const early = of({ final: false, runId: null })
    expect(early).not.toHaveProperty('counts')
    expect(early).not.toHaveProperty('runId')
    expect(early).not.toHaveProperty('scope')
  })

  it('has what the run was restricted to', () => {
    const scope = { digest: `${'a'.repeat(64)}more`, text: 'systems\npay*' }
    expect(of({ scope }).scope).toEqual({ digest: `${'a'.repeat(63)}…`, text: 'systems pay*' })
  })

  it('is plain text of at most 1,024 characters, with a word as its reason', () => {
    const { reason, message } = of({ reason: 'no word!', message: `\u001B[31m${'x'.repeat(3_000)}` })
    expect(reason).toBe('RunReported')
    expect(message).toHaveLength(1_024)
    expect(message).not.toContain('\u001B')
  })
})

it('a broken run is Errored', () => {
  expect(errored('OOMKilled', 'out of memory')).toEqual({
    verdict: 'Errored',
    reason: 'OOMKilled',
    message: 'out of memory',
  })
})

it('summaries that contradict each other are quoted with the pods that left them', () => {
  const claims = [
    { by: 'pod a', verdict: 'Passed', runId: 7, pass: 12 },
    { by: 'the status', verdict: 'Findings', runId: null, pass: 8, notPass: 4 },
  ]
  expect(contradicted('uid-1', claims)).toEqual({
    verdict: 'Errored',
    reason: 'SummariesContradict',
    message:
      'final summaries of this run contradict each other: pod a says Passed, run 7, 12 pass and 0 not pass; ' +
      'the status says Findings, run without a number, 8 pass and 4 not pass. Neither counts: find out who made ' +
      'these pods; "rapidrmf runs list" has the outcome (run key uid-1)',
  })
})
