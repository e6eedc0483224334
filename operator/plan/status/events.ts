import { events as vocabulary } from '../../../crds/validation-schedule.ts'
import type {
  ActiveRun,
  ConditionType,
  EventReason,
  FinishedRun,
  RunVerdict,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import { isStuck } from '../runs/active.ts'
import type { RunRequest } from '../runs/run-request.ts'
import type { SkippedSlot, SkippedSlots } from '../slots/slot-skipped.ts'
import { isoTime } from '../../../common/iso-time.ts'

/** An event to be recorded once. */
export type PlannedEvent = {
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  readonly action: 'WriteCronJob' | 'Validate' | 'Mirror'
  readonly note: string
  /** Identifies the occurrence: a reason is recorded once for each. */
  readonly dedupKey: string
}

export function event(
  reason: EventReason,
  action: PlannedEvent['action'],
  dedupKey: string,
  note: string,
): PlannedEvent {
  return { type: vocabulary[reason].type, reason, action, note, dedupKey }
}

/** The events for the differences between two statuses. */
export function transitions(
  { status: before, generation }: CachedSchedule,
  after: ValidationScheduleStatus,
  finished: readonly FinishedRun[],
): PlannedEvent[] {
  return [
    ...refusals(before, after, generation),
    ...neverFires(before, after, generation),
    ...begun(before, after).map((run) => runEvent('RunStarted', run, startNote(run))),
    ...stuck(before, after).map((run) =>
      runEvent(
        'RunStuck',
        run,
        `${run.job} is not making progress: ${run.reason}: ${run.message}`,
        run.reason,
      ),
    ),
    ...finished
      .filter(({ jobUID }) => after.recentRuns?.some((run) => run.jobUID === jobUID))
      .map((run) => runEvent(END_REASONS[run.verdict], run, `${run.job}: ${run.verdict}: ${run.message}`)),
  ]
}

/** The event of skipped slots; several are one event, named after the last. */
export function skippedEvent({ skipped }: SkippedSlots): PlannedEvent[] {
  const last = skipped.at(-1)
  if (last === undefined) return []
  const slot = isoTime(last.slot)
  const others = skipped.length === 1 ? '' : `, and ${skipped.length - 1} before it`
  return [event('SlotSkipped', 'Mirror', slot, `the slot ${slot}${others} has no run: ${SKIPPED[last.why]}`)]
}

const SKIPPED: Readonly<Record<SkippedSlot['why'], string>> = {
  deadline: 'it could not be started within spec.startingDeadlineSeconds',
  superseded: 'a later slot ran in its place',
  notAllowed: "the operator's limits do not allow the spec, and the CronJob is suspended",
}

export function failedRequestEvent(request: RunRequest): PlannedEvent[] {
  if (request.kind !== 'failed') return []
  const { token, message } = request
  const note = `the Job of the requested run cannot be created, retrying: ${message}`
  return [event('RunStuck', 'Mirror', `${token} ${message}`, note)]
}

const END_REASONS: Readonly<Record<RunVerdict, EventReason>> = {
  Passed: 'RunPassed',
  Findings: 'RunFoundFailures',
  Incomplete: 'RunFoundFailures',
  Errored: 'RunErrored',
  Unknown: 'RunErrored',
}

/** Event reasons of Stalled; a spec that the allow-lists refuse is `InvalidSpec` too. */
const REFUSALS: Readonly<Record<string, EventReason>> = {
  InvalidSpec: 'InvalidSpec',
  NotAllowed: 'InvalidSpec',
  Conflict: 'Conflict',
  ConflictingWriter: 'ConflictingWriter',
  Forbidden: 'Forbidden',
}

function refusals(
  before: ValidationScheduleStatus,
  after: ValidationScheduleStatus,
  generation: number,
): PlannedEvent[] {
  const old = stalledOf(before)
  const stalled = stalledOf(after)
  const reason = REFUSALS[stalled?.reason ?? '']
  if (stalled?.status !== 'True' || reason === undefined) return []
  if (old?.status === 'True' && old.reason === stalled.reason && old.message === stalled.message) return []
  return [event(reason, 'Validate', `${generation} ${stalled.message}`, stalled.message)]
}

function stalledOf(status: ValidationScheduleStatus) {
  return conditionOf(status, 'Stalled')
}

/** The event of a schedule that never fires, which no other condition reports. */
function neverFires(
  before: ValidationScheduleStatus,
  after: ValidationScheduleStatus,
  generation: number,
): PlannedEvent[] {
  const ready = conditionOf(after, 'Ready')
  if (ready?.reason !== 'NeverFires' || conditionOf(before, 'Ready')?.reason === 'NeverFires') return []
  return [event('NeverFires', 'Validate', String(generation), ready.message)]
}

function conditionOf({ conditions = [] }: ValidationScheduleStatus, wanted: ConditionType) {
  return conditions.find(({ type }) => type === wanted)
}

function begun(before: ValidationScheduleStatus, after: ValidationScheduleStatus): readonly ActiveRun[] {
  const known = new Set((before.active ?? []).map(({ jobUID }) => jobUID))
  return (after.active ?? []).filter(({ jobUID }) => !known.has(jobUID))
}

function stuck(before: ValidationScheduleStatus, after: ValidationScheduleStatus): readonly ActiveRun[] {
  const known = new Map((before.active ?? []).map(({ jobUID, reason }) => [jobUID, reason]))
  return (after.active ?? []).filter((run) => isStuck(run) && known.get(run.jobUID) !== run.reason)
}

function startNote({ job, trigger, scheduledTime }: ActiveRun): string {
  return trigger === 'Schedule' ? `${job} for the slot ${scheduledTime}` : `${job}, by request`
}

function runEvent(
  reason: EventReason,
  { jobUID }: Pick<FinishedRun, 'jobUID'>,
  note: string,
  detail = '',
): PlannedEvent {
  return event(reason, 'Mirror', `${jobUID} ${detail}`, note)
}
