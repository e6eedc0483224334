import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { KubeObject } from '../kube/object.ts'
import type { CachedCronJob, CachedJob, CachedPod, CachedSchedule, Slots } from '../cache/projections.ts'
import type { CronJobState } from './cron-job/cron-job-state.ts'
import { cronJobStatus } from './cron-job/cron-job-status.ts'
import { cronJobStep } from './cron-job/cron-job-step.ts'
import type { CronJobStep } from './cron-job/cron-job-step.ts'
import type { LastWrite } from './cron-job/drift.ts'
import { event, failedRequestEvent, skippedEvent, transitions } from './status/events.ts'
import type { PlannedEvent } from './status/events.ts'
import type { JobDefaults } from './inputs/job-defaults.ts'
import type { Observed, LiveRead } from './inputs/live-reads.ts'
import { SLOT_GRACE_MS, nextSlot } from './slots/next-slot.ts'
import type { NextSlot } from './slots/next-slot.ts'
import { noticesOf } from './status/notices.ts'
import type { ScheduleNotice } from './status/notices.ts'
import { ownershipOf } from './cron-job/ownership.ts'
import { jobsToPrune } from './runs/history-limit.ts'
import { conflictAfter, endOf, currentConflict } from './cron-job/repairs.ts'
import { runRequest } from './runs/run-request.ts'
import type { RunRequest } from './runs/run-request.ts'
import { readRuns } from './runs/runs.ts'
import { skippedSlots } from './slots/slot-skipped.ts'
import type { SkippedSlots } from './slots/slot-skipped.ts'
import { assembleStatus, sameJson } from './status/status.ts'
import { earliest } from '../values/time.ts'

/** All that a decision is made from. */
export type PlanInput = {
  readonly schedule: CachedSchedule
  /** Of the name that the schedule's CronJob has, whoever's it is. */
  readonly cronJob: CachedCronJob | undefined
  /** What is known of the last write of the CronJob: by this process, else by the status. */
  readonly written: LastWrite | undefined
  /** With the schedule's label. */
  readonly jobs: readonly CachedJob[]
  /** That the CronJob controls, whosever runs they are. */
  readonly ofCronJob: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  /** What was found out in this reconcile. */
  readonly observed: Observed
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
      readonly step: CronJobWriteStep
      readonly events: readonly PlannedEvent[]
    }
  | { readonly kind: 'run'; readonly job: KubeObject }
  | Settled

export type CronJobWriteStep = Extract<CronJobStep, { kind: 'create' | 'replace' | 'suspend' }>

export type Settled = {
  readonly kind: 'settled'
  /** Only if it differs from the present one. */
  readonly status: ValidationScheduleStatus | undefined
  readonly prune: readonly CachedJob[]
  readonly events: readonly PlannedEvent[]
  /** What nobody else tells, whether or not it was told before. */
  readonly notices: readonly ScheduleNotice[]
  readonly requeueAt: number | undefined
}

export function plan(input: PlanInput): Plan {
  const { schedule, observed } = input
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
    refusal: observed.run,
    defaults: input.defaults,
  })
  if (request.kind === 'create') return { kind: 'run', job: request.job }
  return settle(input, step, runs, request)
}

function settle(
  input: PlanInput,
  { state, requeueAt }: Extract<CronJobStep, { kind: 'settled' }>,
  runs: ReturnType<typeof readRuns>,
  request: RunRequest,
): Settled {
  const { schedule, jobs, observed, now } = input
  const own = ownCronJob(input)
  const remembered = own && cronJobStatus(own, input.written, schedule.status, now)
  const { next, slots } = slotsOf(input, state, runs, own?.slots, remembered?.slotsSince)
  const status = assembleStatus({
    schedule,
    state,
    cronJob: remembered,
    conflictingWriter: conflictAfter(currentConflict(schedule.status, now), observed.repeated, now),
    heldUpBy: inheritedJobs(input),
    next,
    runs,
    handledRunRequest: request.kind === 'handled' ? request.token : undefined,
    now,
  })
  const unreported = new Set(runs.finished.map(({ jobUID }) => jobUID))
  return {
    kind: 'settled',
    status: sameJson(status, schedule.status) ? undefined : status,
    prune: jobsToPrune(schedule, jobs, unreported),
    events: [
      ...transitions(schedule, status, runs.finished),
      ...skippedEvent(slots),
      ...failedRequestEvent(request),
    ],
    notices: noticesOf({ status, finished: runs.finished, slots, request, now }),
    requeueAt: earliest(
      requeueAt,
      runs.requeueAt,
      observed.run?.recheckAt,
      status.conflictingWriter && endOf(status.conflictingWriter),
      slots.decidedAt && slots.decidedAt + 1000,
      state.kind === 'ready' && next.kind === 'at' ? next.time + SLOT_GRACE_MS : undefined,
    ),
  }
}

/** The next slot, and those that get no run any more. */
function slotsOf(
  { schedule, now, plannedAt }: PlanInput,
  state: CronJobState,
  { jobs, lastScheduleTime }: ReturnType<typeof readRuns>,
  slots: Slots | undefined,
  slotsSince = '',
): { readonly next: NextSlot; readonly slots: SkippedSlots } {
  const { spec, status } = schedule
  const isHeld = isHeldUp(schedule, state)
  const since = state.kind === 'ready' || isHeld ? slotsSince : ''
  const held = isHeld ? 'notAllowed' : undefined
  return {
    next: nextSlot({ spec, since, last: lastScheduleTime, now }),
    slots: skippedSlots({ slots, since, held, status, jobs, now, reportedUntil: plannedAt }),
  }
}

function ownCronJob({ schedule, cronJob, observed }: PlanInput): CachedCronJob | undefined {
  const live = observed.cronJob ?? cronJob
  return live !== undefined && ownershipOf(live, schedule).kind === 'ours' ? live : undefined
}

/** Runs of an earlier schedule of this name that its CronJob still works on: Forbid lets them end before the next slot. */
function inheritedJobs({ schedule, ofCronJob }: PlanInput): readonly string[] {
  if (schedule.spec.concurrencyPolicy !== 'Forbid') return []
  return ofCronJob
    .filter(({ scheduleUid, end }) => scheduleUid !== schedule.uid && end === undefined)
    .map(({ name }) => name)
    .toSorted()
}

/** The schedule is to run, and the operator itself has suspended its CronJob. */
function isHeldUp({ spec }: CachedSchedule, state: CronJobState): boolean {
  return state.kind === 'notAllowed' && state.lastGood?.suspended === true && !spec.suspend
}

function writeEvent(step: CronJobWriteStep, { schedule, now, cronJob, observed }: PlanInput): PlannedEvent {
  const { generation } = schedule
  const version = (observed.cronJob ?? cronJob)?.resourceVersion ?? ''
  switch (step.kind) {
    case 'create': {
      const { name } = step.body.metadata
      return step.was === 'absent'
        ? event('CronJobCreated', 'WriteCronJob', String(generation), `made the CronJob ${name}`)
        : event(
            'CronJobRepaired',
            'WriteCronJob',
            String(now),
            `made the CronJob ${name} again, which was deleted`,
          )
    }
    case 'suspend': {
      const what = step.suspend ? 'suspended' : 'resumed'
      const note = `${what} the CronJob ${step.cronJob.name}, as the spec cannot be used`
      return event('CronJobUpdated', 'WriteCronJob', `${generation} ${version}`, note)
    }
    case 'replace': {
      const { name } = step.body.metadata
      const note = `${DONE[step.why]} the CronJob ${name}: ${step.difference}`
      return step.why === 'updated'
        ? event('CronJobUpdated', 'WriteCronJob', `${generation} ${version}`, note)
        : event('CronJobRepaired', 'WriteCronJob', version, note)
    }
  }
}

const DONE = { updated: 'updated', repaired: 'repaired', adopted: 'took over' } as const
