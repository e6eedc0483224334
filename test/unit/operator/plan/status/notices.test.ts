import { describe, expect, it } from 'vitest'
import { currentNotices } from '../../../../../operator/plan/status/notices.ts'
import type { ScheduleNotice } from '../../../../../operator/plan/status/notices.ts'
import type { PlanInput } from '../../../../../operator/plan/plan.ts'
import { NOTHING_OBSERVED } from '../../../../../operator/plan/inputs/live-reads.ts'
import {
  NOW,
  at,
  ended,
  endedPod,
  input,
  job,
  liveCronJob,
  remembering,
  pod,
  schedule,
  summary,
} from '../../fixtures.ts'
import { carryOut } from '../../simulation.ts'

/** `nightly` with its CronJob and a status that says so, and then this. */
function happens(change: Partial<PlanInput>) {
  const of = change.schedule ?? schedule()
  const { after } = carryOut(input({ schedule: of, cronJob: liveCronJob(of) }))
  const { settled, after: end } = carryOut({ ...after, ...change, schedule: after.schedule })
  return { notices: settled?.notices ?? [], after: end }
}

const types = (notices: readonly ScheduleNotice[]) => notices.map(({ type }) => type)

describe('of a run that ended', () => {
  const broken = { final: false, status: 'failed', verdict: 'Errored', reason: 'RunBroke' } as const
  const told = (message: string, exitCode: number) =>
    happens({ jobs: [job('1', ended('Failed', -3000))], pods: [endedPod('1', message, exitCode)] }).notices

  it.each([
    ['did its work', summary('1'), 0],
    ['broke after it had got its record', summary('1', broken), 1],
  ])('which %s, nothing is said: it has an outbox', (_what, message, exitCode) => {
    expect(told(message, exitCode)).toEqual([])
  })

  it('which broke before it had a record, it is said why', () => {
    expect(told(summary('1', { ...broken, runId: null, message: 'there is no config.yaml' }), 2)).toEqual([
      {
        type: 'run.errored',
        dedupKey: '1',
        subject: expect.stringMatching(/^jobs\/nightly-/) as string,
        reason: 'RunBroke',
        message: 'there is no config.yaml',
        since: at(-3000),
        run: {
          jobUID: '1',
          job: expect.stringMatching(/^nightly-/) as string,
          scheduledTime: at(-3600),
          startTime: at(-3600),
          completionTime: at(-3000),
          verdict: 'Errored',
        },
      },
    ])
  })

  it('whose pod never came, or came to its deadline, it is said', () => {
    const { notices } = happens({
      jobs: [job('1', ended('Failed', -3000, 'DeadlineExceeded')), job('2', ended('Failed', -60, 'Other'))],
    })
    expect(notices).toMatchObject([
      { type: 'run.errored', dedupKey: '2', reason: 'Other' },
      { type: 'run.errored', dedupKey: '1', reason: 'DeadlineExceeded' },
    ])
    // Of two that end at once the status keeps the words of one.
    for (const { message } of notices) expect(message).toMatch(/the Job (failed|ran into)/)
  })

  it('whose Job was deleted, or whose words are lost, it is said', () => {
    const { after } = happens({ jobs: [job('1')], pods: [pod('1')] })
    expect(carryOut({ ...after, jobs: [], pods: [] }).settled?.notices).toMatchObject([
      { type: 'run.errored', reason: 'JobDeleted', since: at(0) },
    ])
    expect(happens({ jobs: [job('1', ended('Complete'))] }).notices).toMatchObject([
      { type: 'run.unknown', reason: 'SummaryLost', run: { verdict: 'Unknown' } },
    ])
  })
})

describe('of a run that does not get on', () => {
  const waiting = { reason: 'ErrImagePull', message: 'no such image' }

  it('its reason is said', () => {
    const { notices } = happens({ jobs: [job('1')], pods: [pod('1', { phase: 'Pending', waiting })] })
    expect(notices).toMatchObject([
      {
        type: 'run.stuck',
        dedupKey: '1 ImagePullBackOff',
        reason: 'ImagePullBackOff',
        message: 'no such image',
        since: at(-3600),
        run: { jobUID: '1' },
      },
    ])
  })

  it('nothing is said while it is queued, or works', () => {
    expect(happens({ jobs: [job('1', { suspended: true })] }).notices).toEqual([])
    expect(happens({ jobs: [job('1')], pods: [pod('1')] }).notices).toEqual([])
  })

  it('as its Job is refused: one for each request, whatever the words', () => {
    const asked = schedule({}, { runRequest: 'now please' })
    const refused = (message: string) =>
      carryOut(
        input({
          schedule: asked,
          cronJob: liveCronJob(asked),
          observed: { ...NOTHING_OBSERVED, run: { message, recheckAt: NOW + 60_000 } },
        }),
      ).settled?.notices
    const [first, second] = [refused('used: pods=4'), refused('used: pods=5')]
    expect(first).toMatchObject([
      {
        type: 'run.stuck',
        subject: 'requests/now please',
        message: expect.stringContaining('pods=4') as string,
      },
    ])
    expect(second?.[0]?.dedupKey).toBe(first?.[0]?.dedupKey)
  })
})

it('of skipped slots the last is named, and why', () => {
  const of = remembering(schedule({ schedule: '*/10 * * * *', startingDeadlineSeconds: 60 }))
  const { notices } = happens({ schedule: of, plannedAt: NOW - 1_500_000 })
  expect(notices).toMatchObject([
    {
      type: 'slot.skipped',
      dedupKey: at(-600),
      subject: `slots/${at(-600)}`,
      message: expect.stringMatching(/and \d before it has no run/) as string,
    },
  ])
})

describe('of a schedule that stands still', () => {
  const refusal = (message: string, now = NOW, before = schedule()) =>
    carryOut(
      input({
        schedule: before,
        now,
        observed: { ...NOTHING_OBSERVED, write: { kind: 'forbidden', message, recheckAt: now + 300_000 } },
      }),
    )

  it('the reason is said', () => {
    expect(refusal('exceeded quota, used: 4').settled?.notices).toMatchObject([
      {
        type: 'schedule.stalled',
        reason: 'Forbidden',
        since: at(0),
        message: 'permit it; it is retried within five minutes: exceeded quota, used: 4',
      },
    ])
  })

  it('whether an earlier CronJob goes on is said, too', () => {
    const { after } = carryOut(input({ cronJob: liveCronJob(schedule()) }))
    const broken = schedule({ schedule: '99 2 * * *' }, { generation: 2, status: after.schedule.status })
    const observed = { ...NOTHING_OBSERVED, write: { kind: 'refused', message: 'no such minute' } } as const
    expect(carryOut({ ...after, schedule: broken, observed }).settled?.notices).toMatchObject([
      {
        type: 'schedule.stalled',
        subject: 'generations/2',
        reason: 'InvalidSpec',
        message: 'correct the spec: no such minute; the CronJob is still that of the last good spec',
      },
    ])
  })

  it('other words for the same are nothing new; what comes back is', () => {
    const first = refusal('used: 4')
    const [again] = refusal('used: 5', NOW + 300_000, first.after.schedule).settled?.notices ?? []
    expect(again?.dedupKey).toBe(first.settled?.notices[0]?.dedupKey)
    const mended = carryOut({
      ...first.after,
      cronJob: liveCronJob(schedule()),
      observed: NOTHING_OBSERVED,
    })
    expect(mended.settled?.notices).toEqual([])
    const [back] = refusal('used: 4', NOW + 600_000, mended.after.schedule).settled?.notices ?? []
    expect(back?.dedupKey).not.toBe(again?.dedupKey)
  })
})

it('whoever reads the status later finds the same, under the same names', () => {
  const jobs = [job('1', ended('Failed', -3000, 'DeadlineExceeded')), job('2', ended('Failed', -60, 'Other'))]
  const waiting = { reason: 'ErrImagePull', message: 'no such image' }
  const { notices, after } = happens({
    jobs: [...jobs, job('3', { slot: undefined })],
    pods: [pod('3', { phase: 'Pending', waiting })],
  })
  const names = ({ type, dedupKey, since }: ScheduleNotice) => [type, dedupKey, since]
  const found = currentNotices(after.schedule.status)
  expect(types(found)).toEqual(['run.errored', 'run.errored', 'run.stuck'])
  expect(found.map(names)).toEqual(notices.map(names))
  expect(carryOut(after).settled?.notices.map(names)).toEqual(notices.map(names))
})
