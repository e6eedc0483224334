import { describe, expect, it } from 'vitest'
import type { ActiveRun, FinishedRun } from '../../../../../crds/validation-schedule.ts'
import type { CachedJob, CachedPod } from '../../../../../operator/cache/projections.ts'
import { NOTHING_OBSERVED } from '../../../../../operator/plan/inputs/live-reads.ts'
import type { Observed } from '../../../../../operator/plan/inputs/live-reads.ts'
import { compactRun } from '../../../../../operator/plan/runs/recent-runs.ts'
import { readRuns } from '../../../../../operator/plan/runs/runs.ts'
import type { RunsInput } from '../../../../../operator/plan/runs/runs.ts'
import { NOW, at, ended, endedPod, job, liveCronJob, pod, schedule, summary } from '../../fixtures.ts'

const read = (change: Partial<RunsInput> = {}, observed: Partial<Observed> = {}) =>
  readRuns({
    schedule: schedule(),
    cronJob: liveCronJob(schedule()),
    jobs: [],
    pods: [],
    now: NOW,
    ...change,
    observed: { ...NOTHING_OBSERVED, ...observed },
  })
const podsOf = (...pods: CachedPod[]): Partial<Observed> => ({
  pods: Map.groupBy(pods, ({ jobUid }) => jobUid),
})
const activeRun = (jobUID: string): ActiveRun => ({
  jobUID,
  job: job(jobUID).name,
  trigger: 'Schedule',
  scheduledTime: at(-3600),
  startTime: at(-3590),
})
const withActive = (...uids: string[]) => schedule({}, { status: { active: uids.map(activeRun) } })

describe('the Jobs', () => {
  it('are those of the CronJob, and those that the status names', () => {
    const foreign = job('2', { controller: undefined })
    const uids = (status: ReturnType<typeof schedule>, cronJob = liveCronJob(schedule())) =>
      read({ schedule: status, cronJob, jobs: [job('1'), foreign] }).jobs.map(({ uid }) => uid)
    expect(uids(schedule())).toEqual(['1'])
    expect(uids(withActive('2'))).toEqual(['1', '2'])
  })

  it('are also those that were read live; the cache is looked at again for them', () => {
    const jobs = new Map<string, CachedJob | undefined>([
      ['1', job('1')],
      ['2', undefined],
    ])
    const found = read({ schedule: withActive('1') }, { jobs })
    expect(found.jobs.map(({ uid }) => uid)).toEqual(['1'])
    expect(found.requeueAt).toBe(NOW + 5_000)
    expect(read({ schedule: withActive('1'), jobs: [job('1')], pods: [pod('1')] }, { jobs })).toMatchObject({
      requeueAt: undefined,
    })
  })
})

describe('active runs', () => {
  it('are sorted by their start', () => {
    const jobs = [
      job('b', { startTime: at(-10) }),
      job('c', { startTime: at(-20) }),
      job('a', { startTime: at(-10) }),
    ]
    const pods = jobs.map(({ uid }) => pod(uid))
    expect(read({ jobs, pods }).active.map(({ jobUID }) => jobUID)).toEqual(['c', 'a', 'b'])
  })

  it('without any pod have their warnings read after ten seconds, and again after a minute', () => {
    const young = job('1', { activePods: 0, startTime: at(-4) })
    expect(read({ jobs: [young] })).toMatchObject({ reads: [], requeueAt: NOW + 6_000 })
    const old = job('1', { activePods: 0, startTime: at(-10) })
    expect(read({ jobs: [old] }).reads).toEqual([{ kind: 'warningsOfJob', uid: '1', name: old.name }])
    const nothing = read({ jobs: [old] }, { warnings: new Map([['1', []]]) })
    expect(nothing).toMatchObject({ reads: [], requeueAt: NOW + 60_000 })
    const warning = { reason: 'FailedCreate', message: 'quota' }
    expect(read({ jobs: [old] }, { warnings: new Map([['1', [warning]]]) }).active).toMatchObject([warning])
  })

  it('have the grace of half of their deadline for a node', () => {
    const unschedulable = { reason: 'Unschedulable', message: '0/3 nodes' }
    const pods = [pod('1', { unschedulable, createdAt: at(-29) })]
    const short = schedule({ job: { activeDeadlineSeconds: 60 } })
    expect(read({ schedule: short, jobs: [job('1')], pods }).requeueAt).toBe(NOW + 1_000)
  })
})

describe('a Job that has ended', () => {
  const over = job('1', ended('Complete', -3000))

  it('has all of its pods read', () => {
    const found = read({ jobs: [over], pods: [endedPod('1', summary('1'))] })
    expect(found).toMatchObject({ finished: [], reads: [{ kind: 'podsOfJob', uid: '1', name: over.name }] })
  })

  it('is a finished run', () => {
    const { finished, active, reads } = read({ jobs: [over] }, podsOf(endedPod('1', summary('1'))))
    expect([active, reads]).toEqual([[], []])
    expect(finished).toMatchObject([
      {
        jobUID: '1',
        job: over.name,
        trigger: 'Schedule',
        scheduledTime: at(-3600),
        startTime: at(-3600),
        completionTime: at(-3000),
        late: false,
        verdict: 'Findings',
      },
    ])
  })

  it('without a slot is Manual and never late', () => {
    const manual = job('1', { ...ended(), slot: undefined })
    const [run] = read({ jobs: [manual] }, podsOf(endedPod('1', summary('1')))).finished
    expect(run).toMatchObject({ trigger: 'Manual', late: false })
    expect(run).not.toHaveProperty('scheduledTime')
  })

  it.each([
    [9, false],
    [10, true],
  ])('was created %i s after its slot: late is %j', (seconds, late) => {
    const jobs = [job('1', { ...ended(), createdAt: at(-3600 + seconds) })]
    expect(read({ jobs }, podsOf(endedPod('1', summary('1')))).finished).toMatchObject([{ late }])
  })

  it('is not read again once it is in the status', () => {
    const [run] = read({ jobs: [over] }, podsOf(endedPod('1', summary('1')))).finished as [FinishedRun]
    const reported = schedule({}, { status: { lastRun: run, recentRuns: [compactRun(run)] } })
    expect(read({ schedule: reported, jobs: [over] })).toMatchObject({ finished: [], reads: [], active: [] })
  })

  it('is ignored where ten newer runs are known', () => {
    const recentRuns = Array.from({ length: 10 }, (_, n) => ({
      ...activeRun(`r${n}`),
      completionTime: at(-n),
      verdict: 'Passed' as const,
      reason: 'AllPassed',
    }))
    expect(read({ schedule: schedule({}, { status: { recentRuns } }), jobs: [over] }).reads).toEqual([])
  })
})

describe('a run whose container has ended', () => {
  const pods = (seconds: number) => [
    {
      ...endedPod('1', summary('1')),
      stillRunning: ['istio-proxy'],
      terminated: { ...endedPod('1', summary('1')).terminated!, finishedAt: at(seconds) },
    },
  ]

  it('is reported ten seconds later, and stays active', () => {
    expect(read({ jobs: [job('1')], pods: pods(-9) })).toMatchObject({ finished: [], requeueAt: NOW + 1_000 })
    const late = { jobs: [job('1')], pods: pods(-10) }
    expect(read(late).reads).toMatchObject([{ kind: 'podsOfJob', uid: '1' }])
    const found = read(late, podsOf(...pods(-10)))
    expect(found.finished).toMatchObject([{ verdict: 'Findings', completionTime: at(-10) }])
    expect(found.active).toMatchObject([{ jobUID: '1', reason: 'RunEnded' }])
  })

  it('is looked at again where another try has begun', () => {
    const found = read(
      { jobs: [job('1')], pods: pods(-10) },
      podsOf(...pods(-10), pod('1', { name: 'next' })),
    )
    expect(found).toMatchObject({ finished: [], requeueAt: NOW + 5_000 })
  })
})

describe('an active run without a Job', () => {
  const input = { schedule: withActive('1') }
  const gone = { jobs: new Map([['1', undefined]]) }

  it('has its Job read, then its pods', () => {
    expect(read(input).reads).toEqual([{ kind: 'job', uid: '1', name: job('1').name }])
    expect(read(input, gone).reads).toEqual([{ kind: 'podsOfJob', uid: '1', name: job('1').name }])
  })

  it('was deleted, unless its pod has left a summary', () => {
    expect(read(input, { ...gone, pods: new Map([['1', []]]) }).finished).toMatchObject([
      {
        ...activeRun('1'),
        completionTime: at(0),
        late: true,
        verdict: 'Errored',
        reason: 'JobDeleted',
      },
    ])
    const left = read(input, { ...gone, ...podsOf(endedPod('1', summary('1'))) })
    expect(left.finished).toMatchObject([{ verdict: 'Findings' }])
  })
})

it('the newest slot is that of the Jobs or of the status, but never one in the future', () => {
  const last = (lastScheduleTime: string, jobs: CachedJob[] = []) =>
    read({ schedule: schedule({}, { status: { lastScheduleTime } }), jobs }).lastScheduleTime
  const jobs = [job('1'), job('2', { slot: at(-7200) })]
  expect(last(at(-9000), jobs)).toBe(at(-3600))
  expect(last(at(-60), jobs)).toBe(at(-60))
  expect(last(at(60), jobs)).toBe(at(60))
  expect(last(at(61), jobs)).toBe(at(-3600))
  expect(last(at(61))).toBeUndefined()
})
