import { describe, expect, it } from 'vitest'
import { runJson, silenceText, tableTime } from '../../../job-image/run-view/run-json.ts'
import { jobRun } from '../../support/job-run.ts'

describe('a run as JSON', () => {
  it('has the keys of RapidRMF first, and its times in ISO-8601', () => {
    const run = jobRun({
      error: 'e',
      attributes: { by: 'test' },
      schedule: 'nightly',
      slot_at: '2026-11-24 02:00:00',
    })
    const json = runJson({ ...run, silentSince: '2026-11-24 02:00:30' })
    expect(json).toEqual({
      id: 7,
      environment: 'production',
      status: 'success',
      started_at: '2026-11-24T02:00:00.500000Z',
      finished_at: '2026-11-24T02:01:00Z',
      error: 'e',
      metrics: run.metrics,
      attributes: { by: 'test' },
      job_type: 'validation',
      run_key: 'nightly-1',
      schedule: 'nightly',
      slot_at: '2026-11-24T02:00:00Z',
      verdict: 'Passed',
      reference_time: '2026-11-24T02:00:00.500000Z',
      silent_since: '2026-11-24T02:00:30Z',
    })
    expect(Object.keys(json).slice(0, 8)).toEqual([
      'id',
      'environment',
      'status',
      'started_at',
      'finished_at',
      'error',
      'metrics',
      'attributes',
    ])
  })

  it('has null for what a run does not have', () => {
    const run = jobRun({ finished_at: null, run_key: null, verdict: null, reference_time: null })
    expect(runJson({ ...run, silentSince: null })).toMatchObject({
      finished_at: null,
      run_key: null,
      slot_at: null,
      verdict: null,
      reference_time: null,
      silent_since: null,
    })
  })
})

it('a silent run has a warning with the remedy', () => {
  expect(silenceText({ ...jobRun(), silentSince: null })).toBeNull()
  expect(silenceText({ ...jobRun(), silentSince: '2026-11-24 02:00:30.123' })).toBe(
    'silent since 2026-11-24 02:00:30 UTC: its process is dead; the next run of its environment or "rapidrmf notify flush" closes it',
  )
})

it.each([
  ['2026-01-08 02:00:15.123456', '2026-01-08 02:00:15'],
  ['2026-01-08 02:00:15', '2026-01-08 02:00:15'],
  ['infinity', 'infinity'],
  [null, ''],
])('a table shows the time %s as "%s"', (text, expected) => {
  expect(tableTime(text)).toBe(expected)
})
