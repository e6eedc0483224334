import type { Client } from 'pg'
import { isTransient } from '../db/session/errors.ts'
import { previousComparable } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { insertNotices, sinksToldOfFailure } from '../db/runs/notices.ts'
import type { NewNotice } from '../db/runs/notices.ts'
import { asError } from '../errors.ts'
import { summaryOf } from './summary.ts'
import { isoTime } from '../time.ts'
import { noticeId, shortened } from '../notify/notice.ts'
import type { NoticedRun, PreviousRun } from '../notify/notice.ts'
import { sinksFor } from '../notify/sink.ts'
import type { NoticesOf } from '../notify/sink.ts'
import { readStoredSinks } from '../notify/stored-sinks.ts'
import type { NoticeRule } from '../notify/stored-sinks.ts'
import { triggersOf } from '../notify/triggers.ts'

/**
 * Puts into the outbox what the sinks want to hear of the end of `run`, those of this process and those that the run was
 * begun with: a process that has never heard of these may close it, and the next one that has them sends. Part of the transaction that ends it, so that
 * no crash comes between the two. What keeps notices from being stored (a right that is missing) costs the notices and
 * never the run; a database that went away takes the whole transaction with it, which is done again.
 */
export async function enqueueNotices(
  client: Client,
  run: JobRun,
  { notifications, observer }: NoticesOf,
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
    observer?.({ type: 'warning', message: `nobody is notified of the end of run ${run.id}: ${message}` })
  }
}

async function storeNotices(client: Client, run: JobRun, sinks: readonly NoticeRule[]): Promise<void> {
  const before = await previousComparable(client, run)
  const told = new Set(await sinksToldOfFailure(client, run))
  const notices = sinks.flatMap((sink) => {
    const previous = told.has(sink.name) ? failureOf(run) : before && previousRun(before)
    return noticeFor(sink, run, previous) ?? []
  })
  if (notices.length > 0) await insertNotices(client, run, notices)
}

function noticeFor(sink: NoticeRule, run: JobRun, previous: PreviousRun | undefined): NewNotice | undefined {
  const summary = summaryOf(run)
  const triggers = triggersOf(summary.verdict, previous?.verdict).filter((each) => sink.on.includes(each))
  const [trigger] = triggers
  if (trigger === undefined) return undefined
  const noticed: NoticedRun = {
    ...summary,
    message: shortened(summary.message),
    schedule: run.schedule,
    slotAt: isoTime(run.slot_at),
  }
  return {
    sink: sink.name,
    // Only of a run that failed can a retry change what there is to say.
    grace: run.status === 'failed' ? sink.grace : 0,
    notice: {
      id: noticeId(summary.runKey, run.id, run.finished_at ?? '', sink.name),
      trigger,
      triggers,
      time: summary.finishedAt ?? summary.startedAt ?? '',
      run: noticed,
      previous: previous ?? null,
    },
  }
}

function previousRun(run: JobRun): PreviousRun {
  const { runId, runKey, finishedAt, counts, verdict } = summaryOf(run)
  return { runId, runKey, finishedAt, counts, verdict }
}

/** For a sink that heard of this run's failure, that is what went before. */
function failureOf(run: JobRun): PreviousRun {
  return { ...previousRun(run), verdict: 'Errored' }
}
