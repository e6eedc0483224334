import { conditionTypes } from '../../../crds/validation-schedule.ts'
import type {
  Condition,
  ConditionReason,
  ConditionStatus,
  ConditionType,
  ConflictingWriter,
  FinishedRun,
} from '../../../crds/validation-schedule.ts'
import type { NextSlot } from '../slots/next-slot.ts'
import { plainText } from '../../values/plain-text.ts'
import type { CronJobState } from '../cron-job/cron-job-state.ts'
import { describeWriter } from '../cron-job/repairs.ts'

export type ConditionFacts = {
  readonly generation: number
  readonly now: string
  readonly cronJob: CronJobState
  readonly next: NextSlot
  /** The other writer that changes the CronJob as often as the operator repairs it. */
  readonly conflictingWriter: ConflictingWriter | undefined
  /** Jobs of an earlier schedule that hold up the CronJob's slots. */
  readonly heldUpBy: readonly string[]
  readonly lastRun: FinishedRun | undefined
}

type ConditionAnswer<T extends ConditionType> = {
  readonly status: ConditionStatus
  readonly reason: ConditionReason<T>
  readonly message: string
}

/**
 * Messages may quote lists of any length: finalizers, Jobs, a refused object. The API server would refuse the whole
 * status for a message above the 32,768 characters of metav1.Condition.
 */
const MAX_MESSAGE = 8_192

/** All conditions in the API's order. The transition time stays while the condition's status stays. */
export function conditionsOf(facts: ConditionFacts, before: readonly Condition[] = []): Condition[] {
  const answers: { readonly [T in ConditionType]: ConditionAnswer<T> } = {
    Accepted: accepted(facts),
    Ready: ready(facts),
    Stalled: stalled(facts),
    RunSucceeded: runSucceeded(facts.lastRun),
    Compliant: compliant(facts.lastRun),
  }
  return conditionTypes.map((type) => {
    const answer = answers[type]
    const old = before.find((condition) => condition.type === type)
    return {
      type,
      ...answer,
      message: plainText(answer.message, MAX_MESSAGE),
      observedGeneration: facts.generation,
      lastTransitionTime: old?.status === answer.status ? old.lastTransitionTime : facts.now,
    }
  })
}

function accepted({ cronJob, next }: ConditionFacts): ConditionAnswer<'Accepted'> {
  switch (cronJob.kind) {
    case 'invalid':
      return { status: 'False', reason: 'InvalidSpec', message: cronJob.message }
    case 'notAllowed':
      return { status: 'False', reason: 'NotAllowed', message: cronJob.message }
    case 'forbidden':
    case 'failing':
    case 'terminating':
    case 'leaving':
    case 'inherited':
      return { status: 'Unknown', reason: 'Pending', message: 'the API server has not checked this spec yet' }
    // The name is checked after the rest was accepted.
    case 'conflict':
    case 'ready':
      return acceptedSchedule(next)
  }
}

const NEVER_FIRES =
  'spec.schedule names a date that does not come: no run will ever start by schedule; change it'

function acceptedSchedule(next: NextSlot): ConditionAnswer<'Accepted'> {
  if (next.kind === 'never') return { status: 'True', reason: 'NeverFires', message: NEVER_FIRES }
  if (next.kind === 'unknown') {
    const message = `runs start, but the next slot is unknown: ${next.why}`
    return { status: 'True', reason: 'NextRunUnknown', message }
  }
  return { status: 'True', reason: 'Valid', message: 'the API server accepts this spec' }
}

const no = <T extends ConditionReason<'Ready'>>(reason: T, message: string) =>
  ({ status: 'False', reason, message }) as const

function ready({ cronJob, next, conflictingWriter, heldUpBy }: ConditionFacts): ConditionAnswer<'Ready'> {
  switch (cronJob.kind) {
    case 'ready':
      if (conflictingWriter !== undefined) {
        return no('ConflictingWriter', `the CronJob ${describeWriter(conflictingWriter)}`)
      }
      if (next.kind === 'suspended') {
        return { status: 'True', reason: 'Suspended', message: 'suspended: runs start by request only' }
      }
      // Ready stays True: the CronJob exists, and such a schedule may serve run requests alone.
      if (next.kind === 'never') return { status: 'True', reason: 'NeverFires', message: NEVER_FIRES }
      return { status: 'True', reason: 'CronJobReady', message: describeReady(heldUpBy) }
    case 'invalid':
    case 'notAllowed':
      return no('InvalidSpec', describeLastGood(cronJob))
    case 'conflict':
      return no('Conflict', `the CronJob ${cronJob.name} does not belong to this schedule`)
    case 'leaving':
      return no('WaitingForCleanup', describeLeaving(cronJob))
    case 'inherited':
      return no(
        'WaitingForCleanup',
        `the CronJob ${cronJob.name} still belongs to a deleted schedule of this name; ` +
          'it is adopted if garbage collection does not remove it within seconds',
      )
    case 'terminating':
      return no('NamespaceTerminating', 'the namespace is being deleted')
    case 'forbidden':
      return no('Forbidden', `the CronJob may not be written: ${cronJob.message}`)
    case 'failing':
      return no('Progressing', `the CronJob cannot be written for now: ${cronJob.message}`)
  }
}

/** The number of Jobs is not limited, but a message is. */
const MOST_SHOWN = 3

function describeReady(heldUpBy: readonly string[]): string {
  const ready = 'the CronJob is what the spec asks for'
  if (heldUpBy.length === 0) return ready
  const shown = heldUpBy.slice(0, MOST_SHOWN).join(', ')
  const more = heldUpBy.length > MOST_SHOWN ? ` and ${heldUpBy.length - MOST_SHOWN} more` : ''
  return `${ready}; its next slot waits for ${shown}${more}, of a deleted schedule of this name`
}

function describeLastGood({
  kind,
  lastGood,
}: Extract<CronJobState, { kind: 'invalid' | 'notAllowed' }>): string {
  if (lastGood === undefined) return 'there is no CronJob'
  const { suspended, failure } = lastGood
  if (failure !== undefined) {
    const what = suspended ? 'suspended, and cannot be resumed' : 'not suspended, and cannot be'
    return `the CronJob is still that of the last good spec; it is ${what}: ${failure}`
  }
  if (!suspended) return 'the CronJob is still that of the last good spec'
  return kind === 'notAllowed'
    ? 'the CronJob is still that of the last good spec, and is suspended until the spec is allowed'
    : 'the CronJob is still that of the last good spec, and is suspended'
}

function describeLeaving({ name, finalizers }: Extract<CronJobState, { kind: 'leaving' }>): string {
  const held = finalizers.length === 0 ? '' : `; its finalizers hold it: ${finalizers.join(', ')}`
  return `waiting until the CronJob ${name} is deleted${held}`
}

const NOT_STALLED = { status: 'False', reason: 'NotStalled', message: 'no action is required' } as const

function stalled({ cronJob, conflictingWriter }: ConditionFacts): ConditionAnswer<'Stalled'> {
  switch (cronJob.kind) {
    case 'invalid':
      return { status: 'True', reason: 'InvalidSpec', message: `correct the spec: ${cronJob.message}` }
    case 'notAllowed':
      return { status: 'True', reason: 'NotAllowed', message: cronJob.message }
    case 'conflict': {
      const message = `the CronJob ${cronJob.name} exists and belongs to ${cronJob.owner}; delete it, or rename this schedule`
      return { status: 'True', reason: 'Conflict', message }
    }
    case 'forbidden': {
      const message = `permit it; it is retried within five minutes: ${cronJob.message}`
      return { status: 'True', reason: 'Forbidden', message }
    }
    case 'ready': {
      if (conflictingWriter === undefined) return NOT_STALLED
      const message = `the CronJob ${describeWriter(conflictingWriter)}; stop that writer, or change the schedule instead: repairs pause for up to five minutes`
      return { status: 'True', reason: 'ConflictingWriter', message }
    }
    case 'leaving':
    case 'inherited':
    case 'terminating':
    case 'failing':
      return NOT_STALLED
  }
}

const NO_RUN = { status: 'Unknown', reason: 'NoRunYet', message: 'no run has ended yet' } as const

function runSucceeded(run: FinishedRun | undefined): ConditionAnswer<'RunSucceeded'> {
  if (run === undefined) return NO_RUN
  const { message } = run
  switch (run.verdict) {
    case 'Passed':
    case 'Findings':
      return { status: 'True', reason: 'RunCompleted', message }
    case 'Incomplete':
      return { status: 'True', reason: 'RunIncomplete', message }
    case 'Errored':
      return { status: 'False', reason: 'RunErrored', message: `${run.reason}: ${message}` }
    case 'Unknown':
      return { status: 'Unknown', reason: 'RunUnknown', message }
  }
}

function compliant(run: FinishedRun | undefined): ConditionAnswer<'Compliant'> {
  if (run === undefined) return NO_RUN
  const { message } = run
  switch (run.verdict) {
    case 'Passed':
      return { status: 'True', reason: 'AllControlsPassed', message }
    case 'Findings':
      return { status: 'False', reason: 'ControlsNotPassed', message }
    case 'Incomplete':
      return (run.counts?.notPass ?? 0) > 0
        ? { status: 'False', reason: 'ControlsNotPassed', message }
        : { status: 'False', reason: 'RunIncomplete', message }
    case 'Errored':
      return { status: 'Unknown', reason: 'RunErrored', message: 'the last run broke; see RunSucceeded' }
    case 'Unknown':
      return { status: 'Unknown', reason: 'RunUnknown', message }
  }
}
