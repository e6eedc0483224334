import { describe, expect, it } from 'vitest'
import type { FinishedRun, ValidationScheduleStatus } from '../../../../../crds/validation-schedule.ts'
import { historyOf, reportedRuns } from '../../../../../operator/plan/runs/history.ts'
import { compactRun } from '../../../../../operator/plan/runs/recent-runs.ts'
import { at } from '../../fixtures.ts'

const run = (jobUID: string, seconds: number, change: Partial<FinishedRun> = {}): FinishedRun => ({
  jobUID,
  job: `job-${jobUID}`,
  trigger: 'Schedule',
  startTime: at(seconds - 60),
  completionTime: at(seconds),
  verdict: 'Passed',
  reason: 'AllPassed',
  message: 'all passed',
  late: false,
  ...change,
})
const status = (...runs: FinishedRun[]): ValidationScheduleStatus => historyOf({}, runs)
const uids = ({ recentRuns }: ValidationScheduleStatus) => recentRuns?.map(({ jobUID }) => jobUID)

describe('the history', () => {
  it('of no run is empty', () => {
    expect(historyOf({}, [])).toEqual({
      lastRun: undefined,
      lastCompletedTime: undefined,
      lastPassedTime: undefined,
      recentRuns: undefined,
    })
  })

  it('has the newest run with its message, and the others without', () => {
    const after = historyOf(status(run('1', -100)), [run('2', 0, { verdict: 'Findings' })])
    expect(after.lastRun).toMatchObject({ jobUID: '2', message: 'all passed' })
    expect(after.recentRuns).toEqual([
      compactRun(run('2', 0, { verdict: 'Findings' })),
      compactRun(run('1', -100)),
    ])
  })

  it('keeps the last run where an older one is seen late', () => {
    const after = historyOf(status(run('2', 0)), [run('1', -100)])
    expect(after.lastRun?.jobUID).toBe('2')
    expect(uids(after)).toEqual(['2', '1'])
  })

  it('has the last time of each verdict', () => {
    const runs = [
      run('1', -400),
      run('2', -300, { verdict: 'Findings' }),
      run('3', -200, { verdict: 'Incomplete' }),
      run('4', -100, { verdict: 'Errored' }),
    ]
    expect(historyOf({}, runs)).toMatchObject({ lastCompletedTime: at(-300), lastPassedTime: at(-400) })
  })

  it('keeps the last times of runs that are no longer in it', () => {
    const before = { lastCompletedTime: at(-9_000), lastPassedTime: at(-9_900) }
    expect(historyOf(before, [run('1', 0, { verdict: 'Errored' })])).toMatchObject(before)
  })

  it('replaces the entry of a run that is revised, and withdraws its times', () => {
    const before = status(run('1', -100), run('2', 0))
    expect(before).toMatchObject({ lastPassedTime: at(0), lastRun: { verdict: 'Passed' } })
    const after = historyOf(before, [run('2', 0, { verdict: 'Errored', message: 'contradicted' })])
    expect(after).toMatchObject({
      lastRun: { jobUID: '2', verdict: 'Errored', message: 'contradicted' },
      lastPassedTime: at(-100),
      lastCompletedTime: at(-100),
    })
    expect(uids(after)).toEqual(['2', '1'])
  })
})

it('reported runs are those of the history and the last one, by Job', () => {
  const { recentRuns, lastRun } = status(run('1', -100), run('2', 0))
  expect([...reportedRuns({ recentRuns }).keys()]).toEqual(['2', '1'])
  expect(reportedRuns({ lastRun }).get('2')).toEqual(compactRun(run('2', 0)))
  expect(reportedRuns({}).size).toBe(0)
})
