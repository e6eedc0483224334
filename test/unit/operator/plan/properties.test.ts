import fc from 'fast-check'
import { expect, it } from 'vitest'
import { scheduleStatusSchema } from '../../../../crds/schedule-status.ts'
import type { CachedJob, CachedPod } from '../../../../operator/cache/projections.ts'
import {
  DEFAULTS,
  NOW,
  at,
  ended,
  endedPod,
  input,
  job,
  liveCronJob,
  pod,
  schedule,
  summary,
} from '../fixtures.ts'
import { carryOut } from '../simulation.ts'

/** A Job in any state, and its pod if it has one. */
const world = fc.record({
  uid: fc.integer({ min: 1, max: 15 }).map(String),
  begin: fc.integer({ min: -7200, max: 0 }),
  state: fc.constantFrom(
    'new',
    'running',
    'stuck',
    'queued',
    'complete',
    'silent',
    'failed',
    'lost',
    'foreign',
  ),
  manual: fc.boolean(),
})

type State = typeof world extends fc.Arbitrary<infer T> ? T : never

function build({ uid, begin, state, manual }: State): { job: CachedJob; pods: CachedPod[] } {
  const base = {
    createdAt: at(begin),
    startTime: at(begin),
    slot: manual ? undefined : at(begin - (begin % 60)),
  }
  const over = { ...base, ...ended(state === 'failed' ? 'Failed' : 'Complete', begin + 60) }
  switch (state) {
    case 'new':
      return { job: job(uid, { ...base, startTime: undefined, activePods: 0 }), pods: [] }
    case 'running':
      return { job: job(uid, base), pods: [pod(uid)] }
    case 'stuck':
      return { job: job(uid, base), pods: [pod(uid, { waiting: { reason: 'ErrImagePull', message: 'x' } })] }
    case 'queued':
      return { job: job(uid, { ...base, suspended: true, activePods: 0 }), pods: [] }
    case 'complete':
      return { job: job(uid, over), pods: [endedPod(uid, summary(uid))] }
    case 'silent':
      return { job: job(uid, over), pods: [endedPod(uid, 'hello')] }
    case 'failed':
      return { job: job(uid, over), pods: [endedPod(uid, '', 139)] }
    case 'lost':
      return { job: job(uid, over), pods: [] }
    case 'foreign':
      return { job: job(uid, { ...base, controller: undefined }), pods: [] }
  }
}

const worlds = fc
  .uniqueArray(world, { selector: ({ uid }) => uid, maxLength: 15 })
  .map((states) => states.map(build))
  .map((built) => ({ jobs: built.map(({ job }) => job), pods: built.flatMap(({ pods }) => pods) }))

const schedules = fc
  .record({
    schedule: fc.constantFrom('0 2 * * *', '*/5 * * * *', '0 0 30 2 *'),
    timeZone: fc.constantFrom('Etc/UTC', 'Europe/Berlin', 'Factory'),
    suspend: fc.boolean(),
    startingDeadlineSeconds: fc.constantFrom(10, 300, 86_400),
  })
  .chain((spec) => fc.constantFrom('', 'a', 'b').map((runRequest) => schedule(spec, { runRequest })))

const inputs = fc
  .tuple(schedules, worlds, fc.boolean())
  .map(([schedule, { jobs, pods }, exists]) =>
    input({ schedule, jobs, pods, ...(exists ? { cronJob: liveCronJob(schedule) } : {}) }),
  )

it('is done when it has done what it planned', () => {
  fc.assert(
    fc.property(inputs, (start) => {
      const first = carryOut(start)
      // Old Jobs of run requests go in the second look, when they are told.
      const second = carryOut(carryOut(first.after).after)
      // Why a Job has no pod is asked again and again.
      expect(second.plans.filter(({ kind }) => kind !== 'read')).toHaveLength(1)
      expect(second.settled).toMatchObject({ status: undefined, prune: [], events: [] })
    }),
  )
})

it('never tells a run twice or out of order, however the world goes on', () => {
  fc.assert(
    fc.property(inputs, fc.array(worlds, { maxLength: 5 }), (start, next) => {
      let { after } = carryOut(start)
      for (const [index, { jobs, pods }] of next.entries()) {
        ;({ after } = carryOut({
          ...after,
          jobs,
          pods,
          now: NOW + (index + 1) * 60_000,
          plannedAt: after.now,
        }))
        const { recentRuns = [], active = [], lastRun } = after.schedule.status
        const uids = [...recentRuns, ...active].map(({ jobUID }) => jobUID)
        expect(new Set(uids).size).toBe(uids.length)
        expect(recentRuns.length).toBeLessThanOrEqual(10)
        const times = recentRuns.map(({ completionTime }) => completionTime)
        expect(times).toEqual(times.toSorted().toReversed())
        expect(lastRun?.jobUID).toBe(recentRuns[0]?.jobUID)
      }
    }),
  )
})

it('writes only statuses that the CRD accepts', () => {
  fc.assert(
    fc.property(inputs, (start) => {
      const { status } = carryOut(start).after.schedule
      expect(scheduleStatusSchema.strict().parse(status)).toEqual(status)
    }),
  )
})

it('does not depend on the order in which a cache gives its objects', () => {
  fc.assert(
    fc.property(inputs, (start) => {
      const turned = {
        ...start,
        jobs: start.jobs.toReversed(),
        pods: start.pods.toReversed(),
        defaults: DEFAULTS,
      }
      expect(carryOut(turned).after.schedule.status).toEqual(carryOut(start).after.schedule.status)
    }),
  )
})
