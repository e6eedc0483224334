import type { Client } from 'pg'
import { truncate } from '../../common/text.ts'
import { isTransient } from '../db/session/errors.ts'
import { previousComparable } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { insertNotices, sinksNotifiedOfFailure } from '../db/runs/notices.ts'
import type { NewNotice } from '../db/runs/notices.ts'
import { asError } from '../errors.ts'
import { summaryOf } from './summary.ts'
import { isoTimestamp } from '../time.ts'
import { MAX_MESSAGE, noticeId } from '../notify/notice.ts'
import type { NoticedRun, PreviousRun } from '../notify/notice.ts'
import { sinksFor } from '../notify/sink.ts'
import type { NotifyOptions } from '../notify/sink.ts'
import { readStoredSinks } from '../notify/stored-sinks.ts'
import type { NoticeRule } from '../notify/stored-sinks.ts'
import { triggersOf } from '../notify/triggers.ts'

/**
 * Writes the notices of the end of `run` to the outbox: for the sinks of this process and for those stored with the run.
 * A process that does not have the latter may close the run; the next process that has them sends their notices.
 * Must run in the transaction that closes the run, so that no crash separates the two. An error such as a missing
 * privilege loses the notices but not the run; a transient error rolls the whole transaction back, and it is retried.
 */
export async function enqueueNotices(
  client: Client,
  run: JobRun,
  { notifications, observer }: NotifyOptions,
): Promise<void> {
  const own = sinksFor(notifications ?? [], run.environment)
  const others = readStoredSinks(run.attributes).filter(({ name }) => own.every((sink) => sink.name !== name))
  const sinks = [...own, ...others]
  if (sinks.length === 0) return
  await client.query('SAVEPOINT notices')
  try {
    await storeNotices(client, run, sinks)
    await client.query('RELEASE SAVEPOINT notices')
  } catch (thrown) {
    if (isTransient(thrown)) throw thrown
    await client.query('ROLLBACK TO SAVEPOINT notices')
    const { message } = asError(thrown)
    observer?.({
      type: 'warning',
      message: `the notices of the end of run ${run.id} could not be stored: ${message}`,
    })
  }
}

async function storeNotices(client: Client, run: JobRun, sinks: readonly NoticeRule[]): Promise<void> {
  const before = await previousComparable(client, run)
  const notified = new Set(await sinksNotifiedOfFailure(client, run))
  const notices = sinks.flatMap((sink) => {
    const previous = notified.has(sink.name) ? failureOf(run) : before && previousRun(before)
    return noticeFor(sink, run, previous) ?? []
  })
  if (notices.length > 0) await insertNotices(client, run, notices)
}

function noticeFor(sink: NoticeRule, run: JobRun, previous: PreviousRun | undefined): NewNotice | undefined {
  const summary = summaryOf(run)
  const triggers = triggersOf(summary.verdict, previous?.verdict).filter((each) => sink.on.includes(each))
  const [trigger] = triggers
  if (trigger === undefined) return undefined
  const noticedRun: NoticedRun = {
    ...summary,
    message: truncate(summary.message, MAX_MESSAGE),
    schedule: run.schedule,
    slotAt: isoTimestamp(run.slot_at),
  }
  return {
    sink: sink.name,
    // A retry can change the outcome of a failed run only.
    grace: run.status === 'failed' ? sink.grace : 0,
    notice: {
      id: noticeId(summary.runKey, run.id, run.finished_at ?? '', sink.name),
      trigger,
      triggers,
      time: summary.finishedAt ?? summary.startedAt ?? '',
      run: noticedRun,
      previous: previous ?? null,
    },
  }
}

function previousRun(run: JobRun): PreviousRun {
  const { runId, runKey, finishedAt, counts, verdict } = summaryOf(run)
  return { runId, runKey, finishedAt, counts, verdict }
}

/** The failure of this run before it was reopened: the previous state for a sink that was notified of it. */
function failureOf(run: JobRun): PreviousRun {
  return { ...previousRun(run), verdict: 'Errored' }
}
