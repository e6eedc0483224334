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

/** The input of a decision. */
export type PlanInput = {
  readonly schedule: CachedSchedule
  /** The CronJob of the needed name, also one of another owner. */
  readonly cronJob: CachedCronJob | undefined
  /** The last write of the CronJob, as known to this process or else to the status. */
  readonly written: LastWrite | undefined
  /** Jobs with the schedule's label. */
  readonly jobs: readonly CachedJob[]
  /** Jobs that the CronJob controls, including runs of an earlier schedule. */
  readonly ofCronJob: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  /** Live reads and write outcomes of this reconcile. */
  readonly observed: Observed
  readonly defaults: JobDefaults
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Time of the last plan of this schedule; decisions that depend on time alone were reported up to then. */
  readonly plannedAt: number
}

/**
 * The next step. Reads, writes and runs are applied one at a time, and the plan is made again with their outcome.
 * `settled` follows when none is left.
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
  /** Undefined if it equals the present one. */
  readonly status: ValidationScheduleStatus | undefined
  readonly prune: readonly CachedJob[]
  readonly events: readonly PlannedEvent[]
  /** Notices that no run sends, including those that were sent before. */
  readonly notices: readonly ScheduleNotice[]
  readonly requeueAt: number | undefined
}

export function plan(input: PlanInput): Plan {
  const { schedule, observed } = input
  // Garbage collection deletes the children; new ones would be left behind.
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

/** The next slot, and the slots that were skipped. */
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

/** Unfinished runs of an earlier schedule of this name: Forbid lets them end before the next slot. */
function inheritedJobs({ schedule, ofCronJob }: PlanInput): readonly string[] {
  if (schedule.spec.concurrencyPolicy !== 'Forbid') return []
  return ofCronJob
    .filter(({ scheduleUid, end }) => scheduleUid !== schedule.uid && end === undefined)
    .map(({ name }) => name)
    .toSorted()
}

/** True if the schedule is not suspended but the operator has suspended its CronJob. */
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
        ? event('CronJobCreated', 'WriteCronJob', String(generation), `created the CronJob ${name}`)
        : event(
            'CronJobRepaired',
            'WriteCronJob',
            String(now),
            `created the CronJob ${name} again after it was deleted`,
          )
    }
    case 'suspend': {
      const what = step.suspend ? 'suspended' : 'resumed'
      const note = `${what} the CronJob ${step.cronJob.name}, because the spec cannot be used`
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

const DONE = { updated: 'updated', repaired: 'repaired', adopted: 'adopted' } as const
