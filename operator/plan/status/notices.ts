import type { FinishedRun, RecentRun, ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { isStuck } from '../runs/active.ts'
import { failedRequestEvent, skippedEvent } from './events.ts'
import { plainText } from '../../values/plain-text.ts'
import type { RunRequest } from '../runs/run-request.ts'
import type { SkippedSlots } from '../slots/slot-skipped.ts'
import { isoTime } from '../../values/time.ts'

/**
 * What somebody has to hear of and no run can tell: a run without a record in the database tells nobody of its end, and
 * one that has not begun of nothing at all.
 */
export type ScheduleNotice = {
  readonly type: 'run.errored' | 'run.unknown' | 'run.stuck' | 'slot.skipped' | 'schedule.stalled'
  /** What it happened to: of one type there is one notice for each. */
  readonly dedupKey: string
  /** `jobs/NAME`, `slots/TIME`, `requests/TOKEN`, `generations/NUMBER`. */
  readonly subject: string
  readonly reason: string
  readonly message: string
  /** Since when it is so, as `isoTime`: of a run its end, or its beginning where it is stuck. */
  readonly since: string
  readonly run?: NoticeRun
}

type NoticeRun = Pick<RecentRun, 'jobUID' | 'job' | 'scheduledTime' | 'startTime'> &
  Partial<Pick<RecentRun, 'completionTime' | 'verdict'>>

/** An annotation may hold a book. */
const MAX_TOKEN = 100

export type NoticesInput = {
  /** The schedule's after this reconcile. */
  readonly status: ValidationScheduleStatus
  /** Those that this reconcile has seen end: of an older one the status keeps no words. */
  readonly finished: readonly FinishedRun[]
  readonly slots: SkippedSlots
  readonly request: RunRequest
  readonly now: number
}

/** All that there is to be told now, whether or not it was told before. */
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

/** What a status by itself says, so that whoever leads next finds it there. */
export function currentNotices(
  status: ValidationScheduleStatus,
  finished: readonly FinishedRun[] = [],
): ScheduleNotice[] {
  return [...unrecorded(status, finished), ...stuck(status), ...stalled(status)]
}

/** Ended, and without a number in the database. What has one has told its end itself. */
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
 * A person must act. The words are no part of the dedupKey: those of a quota change with each try. The time is: what was
 * mended and comes back is new.
 */
function stalled({ conditions = [] }: ValidationScheduleStatus): ScheduleNotice[] {
  const found = conditions.find(({ type }) => type === 'Stalled')
  if (found?.status !== 'True') return []
  const { reason, message, lastTransitionTime: since, observedGeneration: generation = 0 } = found
  // Whether an earlier CronJob goes on; of other reasons it repeats the same.
  const ready = conditions.find(({ type, reason }) => type === 'Ready' && reason === 'InvalidSpec')
  const words = ready === undefined ? message : `${message}; ${ready.message}`
  const dedupKey = `${generation} ${reason} ${since}`
  const subject = `generations/${generation}`
  return [{ type: 'schedule.stalled', dedupKey, subject, reason, message: words, since }]
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
  return {
    jobUID,
    job,
    ...(scheduledTime === undefined ? {} : { scheduledTime }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(verdict === undefined ? {} : { verdict }),
  }
}
