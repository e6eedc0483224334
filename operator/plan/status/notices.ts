import { defined } from '../../../common/defined.ts'
import type { FinishedRun, RecentRun, ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { isStuck } from '../runs/active.ts'
import { failedRequestEvent, skippedEvent } from './events.ts'
import { plainText } from '../../values/plain-text.ts'
import type { RunRequest } from '../runs/run-request.ts'
import type { SkippedSlots } from '../slots/slot-skipped.ts'
import { isoTime } from '../../../common/iso-time.ts'

/**
 * A notice that no run can send: a run without a record in the database sends none about its end, and one that did
 * not start sends none at all.
 */
export type ScheduleNotice = {
  readonly type: 'run.errored' | 'run.unknown' | 'run.stuck' | 'slot.skipped' | 'schedule.stalled'
  /** Identifies the occurrence: there is one notice of a type for each. */
  readonly dedupKey: string
  /** `jobs/NAME`, `slots/TIME`, `requests/TOKEN`, `generations/NUMBER`. */
  readonly subject: string
  readonly reason: string
  readonly message: string
  /** Start of the state as `isoTime`: the end of a run, or its start if it is stuck. */
  readonly since: string
  readonly run?: NoticeRun
}

type NoticeRun = Pick<RecentRun, 'jobUID' | 'job' | 'scheduledTime' | 'startTime'> & {
  readonly [Key in 'completionTime' | 'verdict']?: RecentRun[Key] | undefined
}

/** The token comes from an annotation of any length. */
const MAX_TOKEN = 100

export type NoticesInput = {
  /** The schedule's status after this reconcile. */
  readonly status: ValidationScheduleStatus
  /** Runs whose end this reconcile has observed; the status keeps no messages of older ones. */
  readonly finished: readonly FinishedRun[]
  readonly slots: SkippedSlots
  readonly request: RunRequest
  readonly now: number
}

/** All present notices, including those that were sent before. */
export function noticesOf({ status, finished, slots, request, now }: NoticesInput): ScheduleNotice[] {
  return [
    ...currentNotices(status, finished),
    ...skippedEvent(slots).map(({ dedupKey, note }) => ({
      type: 'slot.skipped' as const,
      dedupKey,
      subject: `slots/${dedupKey}`,
      reason: 'SlotSkipped',
      message: note,
      since: isoTime(now),
    })),
    ...failedRequestEvent(request).map(({ note }) => refusedRequest(request, note, now)),
  ]
}

/** The notices that follow from a status alone, so that the next leader finds them there. */
export function currentNotices(
  status: ValidationScheduleStatus,
  finished: readonly FinishedRun[] = [],
): ScheduleNotice[] {
  return [...unrecorded(status, finished), ...stuck(status), ...stalled(status)]
}

/** Ended runs without a number in the database. Other runs send their own notices. */
function unrecorded(
  { recentRuns = [], lastRun }: ValidationScheduleStatus,
  finished: readonly FinishedRun[],
): ScheduleNotice[] {
  const messages = new Map([...finished, ...(lastRun === undefined ? [] : [lastRun])].map(messageByJob))
  return recentRuns.flatMap((run) => {
    const { jobUID, job, verdict, reason, runId } = run
    if (runId !== undefined || (verdict !== 'Errored' && verdict !== 'Unknown')) return []
    return [
      {
        type: verdict === 'Errored' ? 'run.errored' : 'run.unknown',
        dedupKey: jobUID,
        subject: `jobs/${job}`,
        reason,
        message: messages.get(jobUID) ?? `${job}: ${verdict}: ${reason}`,
        since: run.completionTime,
        run: noticeRun(run),
      } satisfies ScheduleNotice,
    ]
  })
}

function stuck({ active = [] }: ValidationScheduleStatus): ScheduleNotice[] {
  return active.filter(isStuck).flatMap((run) => {
    const { jobUID, job, reason = '', message = '', startTime = '' } = run
    const dedupKey = `${jobUID} ${reason}`
    const subject = `jobs/${job}`
    return [{ type: 'run.stuck', dedupKey, subject, reason, message, since: startTime, run: noticeRun(run) }]
  })
}

/**
 * The notice that a user must act. Its message is not part of the key, because that of a quota changes with each try.
 * The transition time is: a problem that returns is a new one.
 */
function stalled({ conditions = [] }: ValidationScheduleStatus): ScheduleNotice[] {
  const found = conditions.find(({ type }) => type === 'Stalled')
  if (found?.status !== 'True') return []
  const { reason, message, lastTransitionTime: since, observedGeneration: generation = 0 } = found
  // Adds whether an earlier CronJob continues; for other reasons the message is the same.
  const ready = conditions.find(({ type, reason }) => type === 'Ready' && reason === 'InvalidSpec')
  const text = ready === undefined ? message : `${message}; ${ready.message}`
  const dedupKey = `${generation} ${reason} ${since}`
  const subject = `generations/${generation}`
  return [{ type: 'schedule.stalled', dedupKey, subject, reason, message: text, since }]
}

function refusedRequest(request: RunRequest, message: string, now: number): ScheduleNotice {
  const token = request.kind === 'failed' ? request.token : ''
  return {
    type: 'run.stuck',
    dedupKey: `request ${token}`,
    subject: `requests/${plainText(token, MAX_TOKEN)}`,
    reason: 'RequestRefused',
    message,
    since: isoTime(now),
  }
}

function messageByJob({ jobUID, message }: FinishedRun): readonly [string, string] {
  return [jobUID, message]
}

function noticeRun(run: NoticeRun): NoticeRun {
  const { jobUID, job, scheduledTime, startTime, completionTime, verdict } = run
  return defined({
    jobUID,
    job,
    scheduledTime,
    startTime,
    completionTime,
    verdict,
  })
}
