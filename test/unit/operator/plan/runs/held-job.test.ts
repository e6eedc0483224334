import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CachedPod } from '../../../../../operator/cache/projections.ts'
import type { PlanInput } from '../../../../../operator/plan/plan.ts'
import {
  NOW,
  at,
  condition,
  ended,
  endedPod,
  input,
  job,
  liveCronJob,
  pod,
  schedule,
  summary,
} from '../../fixtures.ts'
import { carryOut } from '../../simulation.ts'

const PASSED = { verdict: 'Passed', reason: 'AllControlsPassed' } as const
const BROKE = {
  final: false,
  status: 'failed',
  verdict: 'Errored',
  reason: 'RunBroke',
  message: 'no database',
} as const

/** A pod whose container ended so many seconds ago, and whose sidecar goes on. */
const held = (
  message: string,
  { ago = 60, exitCode = 0, ...change }: Partial<CachedPod> & Held = {},
): CachedPod =>
  pod('1', {
    terminated: { exitCode, reason: '', message, finishedAt: at(-ago) },
    stillRunning: ['istio-proxy'],
    ...change,
  })
type Held = { readonly ago?: number; readonly exitCode?: number }

const reasons = (events: readonly { reason: string }[]) => events.map(({ reason }) => reason)

describe('a run whose Job goes on without it', () => {
  const of = schedule()
  const begun = carryOut(
    input({ cronJob: liveCronJob(of), schedule: of, jobs: [job('1')], pods: [pod('1')] }),
  ).after
  const withPods = (...pods: CachedPod[]): PlanInput => ({ ...begun, pods })
  const told = carryOut(withPods(held(summary('1'))))

  it('is told ten seconds after its end, and stays active', () => {
    const soon = carryOut(withPods(held(summary('1'), { ago: 4 })))
    expect(soon.settled?.status).toBeUndefined()
    expect(soon.settled?.requeueAt).toBe(NOW + 6_000)
    expect(told.plans.map(({ kind }) => kind)).toEqual(['read', 'settled'])
    expect(reasons(told.events)).toEqual(['RunFoundFailures'])
    expect(told.settled?.status).toMatchObject({
      active: [
        { jobUID: '1', reason: 'RunEnded', message: expect.stringContaining('istio-proxy') as string },
      ],
      lastRun: {
        jobUID: '1',
        verdict: 'Findings',
        runId: '1207',
        completionTime: at(-60),
        counts: { pass: 8 },
      },
      recentRuns: [{ jobUID: '1', verdict: 'Findings' }],
    })
    expect(condition(told.settled?.status, 'Compliant')).toBe('False/ControlsNotPassed')
  })

  it('costs no more reads and no write as long as it goes on, and one when it ends', () => {
    const still = carryOut({ ...told.after, now: NOW + 3_600_000 })
    expect(still.plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(still.settled?.status).toBeUndefined()
    const alone = carryOut({ ...told.after, pods: [] })
    expect(alone.settled?.status).toBeUndefined()
  })

  it.each([
    ['ends well', { jobs: [job('1', ended())] }],
    ['runs into its deadline', { jobs: [job('1', ended('Failed', -1, 'DeadlineExceeded'))] }],
    ['is deleted', { jobs: [] }],
  ])('keeps what it said when the Job %s and the pod is gone', (_what, change) => {
    const over = carryOut({ ...told.after, pods: [], ...change })
    expect(over.settled?.status).toMatchObject({ lastRun: told.settled?.status?.lastRun })
    expect(over.settled?.status).not.toHaveProperty('active')
    expect(over.events).toEqual([])
    expect(carryOut(over.after).settled?.status).toBeUndefined()
  })

  it('is told at once when its pod is being deleted, unless that was what ended it', () => {
    const going = (message: string, exitCode = 0) =>
      carryOut(withPods(held(message, { ago: 1, exitCode, deleting: true }))).settled?.status?.lastRun
    expect(going(summary('1'))).toMatchObject({ verdict: 'Findings' })
    expect(going(summary('1'), 143)).toMatchObject({ verdict: 'Findings' })
    expect(going(summary('1', BROKE), 1)).toMatchObject({ reason: 'RunBroke' })
    expect(going(summary('1', { ...BROKE, reason: 'Interrupted' }), 143)).toBeUndefined()
    expect(going('', 137)).toBeUndefined()
  })

  it('is not told while one of its workers goes on', () => {
    const workers = withPods(held(summary('1'), { index: '0' }), pod('1', { index: '1', name: 'other' }))
    expect(carryOut(workers).settled?.status).toBeUndefined()
  })

  it('is not told, and is looked at again, where the cache does not show its next try yet', () => {
    const observed = {
      ...begun.observed,
      pods: new Map([['1', [held(summary('1')), pod('1', { name: 'next' })]]]),
    }
    const { settled } = carryOut({ ...withPods(held(summary('1'))), observed })
    expect(settled?.status).toBeUndefined()
    expect(settled?.requeueAt).toBe(NOW + 5_000)
  })

  it('is dated by its node, but never later than now', () => {
    expect(carryOut(withPods(held(summary('1'), { ago: -3600 }))).settled?.requeueAt).toBe(NOW + 10_000)
    const late = { ...withPods(held(summary('1'), { ago: -3600 })), now: NOW + 3_700_000 }
    expect(carryOut(late).settled?.status?.lastRun?.completionTime).toBe(at(3600))
  })

  describe('after a failure', () => {
    const broke = carryOut(withPods(held(summary('1', BROKE), { exitCode: 1 })))

    it.each([
      ['it said', held(summary('1', BROKE), { exitCode: 1 }), 'RunBroke', /^no database$/],
      ['went out of memory', held('', { exitCode: 137 }), 'Killed', /137/],
      ['said nothing', held('', { exitCode: 1 }), 'ContainerFailed', /no summary; .* exit code 1$/],
      ['said nothing and succeeded', held(''), 'NoRunRecord', /^the container succeeded/],
    ])('says what %s', (_what, pods, reason, message) => {
      const lastRun = carryOut(withPods(pods)).settled?.status?.lastRun
      expect(lastRun).toMatchObject({ verdict: 'Errored', reason })
      expect(lastRun?.message).toMatch(message)
    })

    it('is active like any other while the Job tries again, and passes if that does', () => {
      expect(broke.settled?.status?.active).toMatchObject([{ reason: 'RunEnded' }])
      const again = carryOut({ ...broke.after, pods: [pod('1', { name: 'next' })] })
      expect(again.settled?.status?.active?.[0]).not.toHaveProperty('reason')
      expect(again.settled?.status?.lastRun).toMatchObject({ reason: 'RunBroke' })
      const jobs = [job('1', ended())]
      const over = carryOut({ ...again.after, jobs, pods: [endedPod('1', summary('1', PASSED))] })
      expect(reasons(over.events)).toEqual(['RunPassed'])
      expect(over.settled?.status).toMatchObject({
        lastRun: { verdict: 'Passed' },
        recentRuns: [{ jobUID: '1', verdict: 'Passed' }],
        lastPassedTime: at(-3000),
      })
      expect(over.settled?.status?.recentRuns).toHaveLength(1)
    })

    it('stays what it was where the next try fails as well', () => {
      const jobs = [job('1', ended('Failed', -1, 'BackoffLimitExceeded'))]
      const over = carryOut({ ...broke.after, jobs, pods: [endedPod('1', '', 137, 'OOMKilled')] })
      expect(over.settled?.status?.lastRun).toMatchObject({ reason: 'RunBroke' })
    })
  })

  it('is Errored when another pod contradicts what was told, and was not passed then', () => {
    const passed = carryOut(withPods(held(summary('1', PASSED))))
    expect(passed.settled?.status).toMatchObject({ lastPassedTime: at(-60), lastCompletedTime: at(-60) })
    const pods = [endedPod('1', summary('1'))]
    const over = carryOut({ ...passed.after, jobs: [job('1', ended())], pods })
    expect(over.settled?.status?.lastRun).toMatchObject({ verdict: 'Errored', reason: 'SummariesContradict' })
    expect(over.settled?.status?.lastRun?.message).toMatch(/the status says Passed.*; pod-of-1 says Findings/)
    expect(over.settled?.status).not.toHaveProperty('lastPassedTime')
    expect(over.settled?.status).not.toHaveProperty('lastCompletedTime')
    expect(over.settled?.status?.recentRuns).toHaveLength(1)
  })

  it('ends with the verdict of its one final summary, whatever happens in between and in whatever order', () => {
    const happening = fc.constantFrom('held', 'gone', 'restart', 'time', 'deleting')
    const ending = fc.constantFrom('complete', 'deadline', 'deleted')
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 6 }), ending, (happenings, end) => {
        let world = carryOut(withPods(held(summary('1', PASSED), { ago: 11 }))).after
        for (const what of happenings) {
          const pods = {
            held: [held(summary('1', PASSED))],
            deleting: [held(summary('1', PASSED), { deleting: true })],
            gone: [],
          }[what as 'held']
          const now = world.now + (what === 'time' ? 600_000 : 1_000)
          world = carryOut({
            ...world,
            now,
            ...(pods && { pods }),
            plannedAt: what === 'restart' ? 0 : now,
          }).after
        }
        const jobs = {
          complete: [job('1', ended('Complete', 9_000))],
          deadline: [job('1', ended('Failed', 9_000, 'DeadlineExceeded'))],
          deleted: [],
        }[end]
        const { status } = carryOut({ ...world, jobs, pods: [] }).after.schedule
        expect(status.recentRuns).toMatchObject([{ jobUID: '1', verdict: 'Passed' }])
        expect(status).not.toHaveProperty('active')
      }),
    )
  })
})
