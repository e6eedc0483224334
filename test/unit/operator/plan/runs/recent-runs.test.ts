import { expect, it } from 'vitest'
import { mergeRuns } from '../../../../../operator/plan/runs/recent-runs.ts'

const run = (jobUID: string, second: number) => ({
  jobUID,
  startTime: '2026-11-24T02:00:00Z',
  completionTime: `2026-11-24T02:00:0${second}Z`,
})
const uids = (runs: readonly { jobUID: string }[]) => runs.map(({ jobUID }) => jobUID)

it('of two runs that ended within one second, the one that was not told yet is the newer', () => {
  expect(uids(mergeRuns([run('z', 1)], [run('z', 1), run('a', 1)]))).toEqual(['a', 'z'])
  expect(uids(mergeRuns([run('a', 1), run('z', 1)], []))).toEqual(['a', 'z'])
  expect(uids(mergeRuns([run('b', 2)], [run('a', 1)]))).toEqual(['b', 'a'])
})
