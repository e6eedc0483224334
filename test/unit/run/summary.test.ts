import { describe, expect, it } from 'vitest'
import { InputError, InterruptedError, RunError } from '../../../job-image/errors.ts'
import { failureSummary, newRunKey, summaryOf } from '../../../job-image/run/summary.ts'
import { jobRun } from '../../support/job-run.ts'

const metrics = {
  systems: 2,
  controls: 3,
  results_saved: 6,
  errors: 0,
  pass: 3,
  fail: 1,
  insufficient_evidence: 1,
  unknown: 1,
}

describe('the summary of a run', () => {
  it('has the identity, the times and the counts of its row', () => {
    expect(summaryOf(jobRun({ verdict: 'Findings', metrics }))).toEqual({
      version: 1,
      runKey: 'nightly-1',
      runId: 7,
      environment: 'production',
      final: true,
      status: 'success',
      verdict: 'Findings',
      reason: 'ControlsNotPassed',
      message: '3 of 6 results are not pass (2 systems, 3 controls)',
      startedAt: '2026-11-24T02:00:00.500000Z',
      finishedAt: '2026-11-24T02:01:00Z',
      counts: {
        systems: 2,
        controls: 3,
        results: 6,
        pass: 3,
        notPass: 3,
        fail: 1,
        insufficientEvidence: 1,
        unknown: 1,
        errors: 0,
      },
    })
  })

  it.each([
    [{}, 'AllControlsPassed', 'all 6 results pass (2 systems, 3 controls)'],
    [{ verdict: 'Errored' as const, error: 'disk full' }, 'RunBroke', 'disk full'],
    [{ verdict: null, status: 'running' }, 'RunBroke', 'the run is not finished'],
    [
      { verdict: 'Incomplete' as const, metrics: { ...metrics, errors: 2 } },
      'NotEvaluated',
      '2 of the systems or controls could not be evaluated; 3 of 6 results are not pass (2 systems, 3 controls); "rapidrmf runs show 7" names them',
    ],
    [
      { verdict: 'Incomplete' as const, metrics: { controls: 3 } },
      'NoSystems',
      'environment "production" has no systems; add them with "rapidrmf inventory apply", or check the environment\'s name',
    ],
    [
      { verdict: 'Incomplete' as const, metrics: { systems: 2 } },
      'NoControls',
      'the database has no active controls; load a catalog with "rapidrmf catalog import"',
    ],
  ])('of %j has the reason %s', (changes, reason, message) => {
    expect(summaryOf(jobRun(changes))).toMatchObject({ reason, message })
  })

  it('names the scope, and an empty selection that was allowed', () => {
    const scope = { digest: 'd', text: 'controls AC-*', selection: { controls: { include: ['AC-*'] } } }
    const attributes = { scope }
    const all = summaryOf(jobRun({ attributes }))
    expect(all.scope).toEqual({ digest: 'd', text: 'controls AC-*' })
    expect(all.message).toBe('all 6 results pass (2 systems, 3 controls; scope: controls AC-*)')
    const empty = jobRun({ attributes, verdict: 'Incomplete', metrics: { systems: 2 } })
    expect(summaryOf(empty).message).toBe(
      'the selection matches no active control, which allowEmpty permits: nothing was validated',
    )
  })

  it('of an incremental run has the number of reused systems', () => {
    expect(summaryOf(jobRun({ attributes: { incremental: { carried: 2 } } }))).toMatchObject({ carried: 2 })
    expect(summaryOf(jobRun())).not.toHaveProperty('carried')
  })

  it('is not final while the run is running', () => {
    expect(summaryOf(jobRun({ status: 'running', finished_at: null }))).toMatchObject({
      final: false,
      status: 'running',
      finishedAt: null,
    })
  })
})

describe('the summary of a process that could not complete its run', () => {
  it.each([
    [new InputError('bad'), 'InvalidInput'],
    [new InterruptedError('stopped'), 'Interrupted'],
    [new RunError('lost'), 'RunBroke'],
    [new Error('bug'), 'RunBroke'],
  ])('%s: %s', (error, reason) => {
    expect(failureSummary('key', 'production', error, undefined)).toMatchObject({
      runId: null,
      runKey: 'key',
      environment: 'production',
      final: false,
      status: 'failed',
      verdict: 'Errored',
      reason,
      message: error.message,
      startedAt: null,
      counts: { systems: 0, results: 0, errors: 0 },
    })
  })

  it('keeps the state of the run that it left', () => {
    const left = summaryOf(jobRun({ metrics }))
    const error = new InterruptedError('stopped')
    expect(failureSummary('key', 'x', error, left)).toEqual({
      ...left,
      reason: 'Interrupted',
      message: 'stopped',
    })
  })

  it('has a key and an environment of at most 255 characters', () => {
    const { runKey, environment } = failureSummary('k'.repeat(256), 'e'.repeat(256), new Error(''), undefined)
    expect([runKey.length, environment.length]).toEqual([255, 255])
  })
})

it('a run without a given key gets one of its own', () => {
  expect(newRunKey()).not.toBe(newRunKey())
})
