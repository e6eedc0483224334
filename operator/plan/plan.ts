import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { KubeObject } from '../kube/object.ts'
import type { CachedCronJob, CachedJob, CachedPod, CachedSchedule } from '../model.ts'
import { cronJobStep } from './cron-job-step.ts'
import type { CronJobStep } from './cron-job-step.ts'
import { event, failedRequestEvent, skippedEvent, transitions } from './events.ts'
import type { PlannedEvent } from './events.ts'
import type { JobDefaults } from './job-defaults.ts'
import type { Learned, LiveRead } from './live-reads.ts'
import { SLOT_GRACE_MS, nextSlot } from './next-slot.ts'
import { noticesOf } from './notices.ts'
import type { Notice } from './notices.ts'
import { jobsToPrune } from './prune.ts'
import { runRequest } from './run-request.ts'
import type { RunRequest } from './run-request.ts'
import { readRuns } from './runs.ts'
import { skippedSlots } from './slot-skipped.ts'
import { assembleStatus, sameJson } from './status.ts'
import { earliest } from './time.ts'

/** All that a decision is made from. */
export type PlanInput = {
  readonly schedule: CachedSchedule
  /** Of the name that the schedule's CronJob has, whoever's it is. */
  readonly cronJob: CachedCronJob | undefined
  /** With the schedule's label. */
  readonly jobs: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  /** What was found out in this reconcile. */
  readonly learned: Learned
  readonly defaults: JobDefaults
  /** Milliseconds since the epoch. */
  readonly now: number
  /** When this schedule was planned last: what time alone decides, and was decided before, has been told. */
  readonly plannedAt: number
}

/**
 * What to do next. The first three are done one at a time, and the plan is made again with what came of them; the last is
 * what to do when nothing of that is left.
 */
export type Plan =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'read'; readonly reads: readonly LiveRead[] }
  | {
      readonly kind: 'write'
      readonly step: Extract<CronJobStep, { kind: 'create' | 'replace' }>
      readonly events: readonly PlannedEvent[]
    }
  | { readonly kind: 'run'; readonly job: KubeObject }
  | Settled

export type Settled = {
  readonly kind: 'settled'
  /** Only if it differs from the present one. */
  readonly status: ValidationScheduleStatus | undefined
  readonly prune: readonly CachedJob[]
  readonly events: readonly PlannedEvent[]
  /** What nobody else tells, whether or not it was told before. */
  readonly notices: readonly Notice[]
  readonly requeueAt: number | undefined
}

export function plan(input: PlanInput): Plan {
  const { schedule, learned } = input
  // Garbage collection does the rest; whatever is made now would be left behind.
  if (schedule.deleting) return { kind: 'nothing' }
  const step = cronJobStep(input)
  if (step.kind === 'read') return { kind: 'read', reads: [step.read] }
  if (step.kind !== 'settled') return { kind: 'write', step, events: [writeEvent(step, input)] }
  const runs = readRuns(input)
  if (runs.reads.length > 0) return { kind: 'read', reads: runs.reads }
  const request = runRequest({
    schedule,
    jobs: runs.jobs,
    accepted: step.state.kind === 'ready' || step.state.kind === 'conflict',
    busy: runs.active.length > 0,
    refusal: learned.run,
    defaults: input.defaults,
  })
  if (request.kind === 'create') return { kind: 'run', job: request.job }
  return settle(input, step, runs, request)
}

function settle(
  { schedule, cronJob, jobs, learned, now, plannedAt }: PlanInput,
  { state, requeueAt }: Extract<CronJobStep, { kind: 'settled' }>,
  runs: ReturnType<typeof readRuns>,
  request: RunRequest,
): Settled {
  const since = state.kind === 'ready' ? ((learned.cronJob ?? cronJob)?.slots.since ?? '') : ''
  const next = nextSlot({ spec: schedule.spec, since, last: runs.lastScheduleTime, now })
  const handledRunRequest = request.kind === 'handled' ? request.token : undefined
  const status = assembleStatus({ schedule, cronJob: state, next, runs, handledRunRequest, now })
  const slots = skippedSlots({ schedule, since, jobs: runs.jobs, now, toldUntil: plannedAt })
  const untold = new Set(runs.finished.map(({ jobUID }) => jobUID))
  return {
    kind: 'settled',
    status: sameJson(status, schedule.status) ? undefined : status,
    prune: jobsToPrune(schedule, jobs, untold),
    events: [
      ...transitions(schedule, status, runs.finished),
      ...skippedEvent(slots),
      ...failedRequestEvent(request),
    ],
    notices: noticesOf({ status, finished: runs.finished, slots, request, now }),
    requeueAt: earliest(
      requeueAt,
      runs.requeueAt,
      learned.run?.recheckAt,
      slots.decidedAt === undefined ? undefined : slots.decidedAt + 1000,
      state.kind === 'ready' && next.kind === 'at' ? next.time + SLOT_GRACE_MS : undefined,
    ),
  }
}

function writeEvent(
  step: Extract<CronJobStep, { kind: 'create' | 'replace' }>,
  { schedule: { generation }, now, cronJob, learned }: PlanInput,
): PlannedEvent {
  const { name } = step.body.metadata
  if (step.kind === 'create') {
    return step.was === 'absent'
      ? event('CronJobCreated', 'WriteCronJob', String(generation), `made the CronJob ${name}`)
      : event(
          'CronJobRepaired',
          'WriteCronJob',
          String(now),
          `made the CronJob ${name} again, which was deleted`,
        )
  }
  const version = (learned.cronJob ?? cronJob)?.resourceVersion ?? ''
  if (step.why === 'updated') {
    return event(
      'CronJobUpdated',
      'WriteCronJob',
      `${generation} ${version}`,
      `updated the CronJob ${name}: ${step.difference}`,
    )
  }
  const what = step.why === 'adopted' ? 'took over the CronJob' : 'repaired the CronJob'
  return event('CronJobRepaired', 'WriteCronJob', version, `${what} ${name}: ${step.difference}`)
}
