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
  /** Who changes the CronJob as often as the operator puts it right. */
  readonly conflictingWriter: ConflictingWriter | undefined
  /** Jobs of an earlier schedule that keep the CronJob from its slots. */
  readonly heldUpBy: readonly string[]
  readonly lastRun: FinishedRun | undefined
}

type ConditionAnswer<T extends ConditionType> = {
  readonly status: ConditionStatus
  readonly reason: ConditionReason<T>
  readonly message: string
}

/**
 * A message may quote lists of any length: finalizers, Jobs, what the API server refused. With one longer than the 32,768
 * characters of metav1.Condition the API server would refuse the whole status, and nothing would be known.
 */
const MAX_MESSAGE = 8_192

/** All conditions, in the API's order. The time of the last transition stays where the answer is the same. */
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
      return { status: 'Unknown', reason: 'Pending', message: 'the API server has not judged this spec yet' }
    // A name that is taken is found out after the rest was found good.
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
    const message = `runs start, but the next one cannot be told: ${next.why}`
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
      // Still True: the CronJob is there, and such a schedule may be kept for run requests alone.
      if (next.kind === 'never') return { status: 'True', reason: 'NeverFires', message: NEVER_FIRES }
      return { status: 'True', reason: 'CronJobReady', message: describeReady(heldUpBy) }
    case 'invalid':
    case 'notAllowed':
      return no('InvalidSpec', describeLastGood(cronJob))
    case 'conflict':
      return no('Conflict', `the CronJob ${cronJob.name} is not this schedule's`)
    case 'leaving':
      return no('WaitingForCleanup', describeLeaving(cronJob))
    case 'inherited':
      return no(
        'WaitingForCleanup',
        `the CronJob ${cronJob.name} still belongs to a deleted schedule of this name; ` +
          'it is taken over if garbage collection does not remove it within seconds',
      )
    case 'terminating':
      return no('NamespaceTerminating', 'the namespace is being deleted')
    case 'forbidden':
      return no('Forbidden', `the CronJob may not be written: ${cronJob.message}`)
    case 'failing':
      return no('Progressing', `the CronJob cannot be written for now: ${cronJob.message}`)
  }
}

/** Anybody may make more Jobs, and a message has a limit. */
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
  return `waiting for the CronJob ${name} to be gone, which is being deleted${held}`
}

const NOT_STALLED = { status: 'False', reason: 'NotStalled', message: 'nobody has to act' } as const

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
      const message = `allow it, and it is tried again within five minutes: ${cronJob.message}`
      return { status: 'True', reason: 'Forbidden', message }
    }
    case 'ready': {
      if (conflictingWriter === undefined) return NOT_STALLED
      const message = `the CronJob ${describeWriter(conflictingWriter)}; end that, or change the schedule instead: repairs pause for up to five minutes`
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
