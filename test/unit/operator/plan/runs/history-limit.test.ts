import { expect, it } from 'vitest'
import type { CachedJob } from '../../../../../operator/cache/projections.ts'
import { jobsToPrune } from '../../../../../operator/plan/runs/history-limit.ts'
import { ended, job, schedule } from '../../fixtures.ts'

const OF = schedule({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 })
const controller = {
  apiVersion: 'rapidrmf.io/v1alpha1',
  kind: 'ValidationSchedule',
  name: 'nightly',
  uid: 'schedule-uid',
  controller: true,
}
const requested = (uid: string, seconds: number, type: 'Complete' | 'Failed' = 'Complete') =>
  job(uid, { controller, ...ended(type, seconds) })
const pruned = (jobs: readonly CachedJob[], unreported: string[] = []) =>
  jobsToPrune(OF, jobs, new Set(unreported)).map(({ uid }) => uid)

it('the newest Jobs stay, as many of each end as the spec says', () => {
  const complete = [1, 2, 3, 4].map((n) => requested(`c${n}`, -n))
  const failed = [1, 2].map((n) => requested(`f${n}`, -n, 'Failed'))
  expect(pruned([...complete, ...failed].toReversed())).toEqual(['c3', 'c4', 'f2'])
  expect(pruned(complete.slice(0, 2))).toEqual([])
})

it('of Jobs that ended in one second, those with the last names stay', () => {
  expect(pruned(['a', 'c', 'b'].map((uid) => requested(uid, 0)))).toEqual(['a'])
})

it('a Job whose run is not in the status stays, and does not make room for another', () => {
  const jobs = [1, 2, 3, 4].map((n) => requested(`c${n}`, -n))
  expect(pruned(jobs, ['c3', 'c1'])).toEqual(['c4'])
})

it('Jobs of the CronJob, active Jobs and Jobs that are being deleted are not considered', () => {
  const others = [
    job('slot', ended('Complete', -9)),
    job('free', { ...ended('Complete', -9), controller: undefined }),
    job('active', { controller }),
    { ...requested('leaving', -9), deleting: true },
  ]
  expect(pruned([...others, requested('c1', -1), requested('c2', -2)])).toEqual([])
})
