import type { Client } from 'pg'
import type { RunCounts, Verdict } from '../../crds/run-summary.ts'
import { endAttempt, hasLiveAttempt } from '../db/runs/attempts.ts'
import type { AttemptOutcome, AttemptRef } from '../db/runs/attempts.ts'
import { inTransaction } from '../db/session/client.ts'
import { droppedRows } from '../db/session/dropped-rows.ts'
import type { DroppedRows } from '../db/session/dropped-rows.ts'
import {
  closeDecidedRun,
  finishJobRun,
  lockJobRun,
  metricOf,
  metricsOf,
  rereadJobRun,
} from '../db/runs/job-runs.ts'
import type { JobRun, RunEnd } from '../db/runs/job-runs.ts'
import type { RunRef } from '../db/runs/run-ref.ts'
import { runTotals } from '../db/record/totals.ts'
import type { RunTotals } from '../db/record/totals.ts'
import { missingRunError } from './missing-run.ts'
import { storableText } from '../storable-text.ts'
import { enqueueNotices } from './enqueue-notices.ts'
import type { NotifyOptions } from '../notify/sink.ts'

/** The longest wait for the run's row when an attempt ends, in ms. */
const LEAVE_LOCK_TIMEOUT = 5_000

/** What planning found: stored in the row's metrics while the run is running. */
export type Scope = { readonly controls: number; readonly invalidControls: number }

export function scopeOf(run: JobRun): Scope {
  const number = (key: string): number => metricOf(run, key)
  return { controls: number('controls'), invalidControls: number('invalid_controls') }
}

/** Totals of the run. All outputs use them, so that the counts agree. */
export function countsOf(totals: RunTotals, scope: Scope): RunCounts {
  const { pass, fail, insufficientEvidence, unknown } = totals.counts
  const notPass = fail + insufficientEvidence + unknown
  return {
    systems: totals.systems,
    controls: scope.controls,
    results: pass + notPass,
    pass,
    notPass,
    fail,
    insufficientEvidence,
    unknown,
    errors: totals.failedSystems + scope.invalidControls,
  }
}

/** The verdict of a completed run. Controls that could not be evaluated weigh more than findings. */
export function verdictOf(counts: RunCounts): Exclude<Verdict, 'Errored'> {
  if (counts.systems === 0 || counts.controls === 0 || counts.errors > 0) return 'Incomplete'
  return counts.notPass === 0 ? 'Passed' : 'Findings'
}

/**
 * Status and verdict of a run whose queue is empty. A run in which no system could be evaluated has failed: in most cases
 * the tables refuse every row, and a retry succeeds once they are repaired.
 */
function endOf(totals: RunTotals, counts: RunCounts): Pick<RunEnd, 'status' | 'verdict' | 'error'> {
  if (totals.systems === 0 || totals.failedSystems < totals.systems)
    return { status: 'success', verdict: verdictOf(counts) }
  const error = `none of the ${totals.systems} systems could be evaluated; one of the reasons: ${totals.error}`
  return { status: 'failed', verdict: 'Errored', error }
}

/**
 * Closes the run if its last system is decided. Each attempt tries after its own last commit, so exactly one succeeds.
 * The totals are read before the lock is taken: a queue without pending systems no longer changes.
 */
export async function closeIfDecided(
  client: Client,
  run: JobRun,
  notices: NotifyOptions = {},
): Promise<JobRun | undefined> {
  const totals = await runTotals(client, run)
  if (totals.pending > 0) return undefined
  const scope = scopeOf(run)
  const counts = countsOf(totals, scope)
  return inTransaction(client, async () => {
    const locked = await lockJobRun(client, run)
    if (locked?.status !== 'running' || locked.planned_at === null) return undefined
    const end = endOf(totals, counts)
    const closed = await closeDecidedRun(client, run, { ...end, metrics: withScope(counts, scope) })
    if (closed === undefined) throw await droppedEnd(client, run)
    await enqueueNotices(client, closed, notices)
    return closed
  })
}

function withScope(counts: RunCounts, scope: Scope): Record<string, number> {
  return { ...metricsOf(counts), invalid_controls: scope.invalidControls }
}

export type Leaving = {
  readonly attempt: AttemptRef
  readonly outcome: AttemptOutcome
  /** Why the attempt ends: stored with it and, if the run is closed, with the run. */
  readonly reason: string
  /** Age of a heartbeat after which an attempt counts as dead, in ms. */
  readonly abandonAfter: number
  readonly notices?: NotifyOptions
}

/**
 * Ends this attempt before the run is complete; closes the run as failed unless another attempt is alive.
 * Returns undefined if the run is no longer in this database.
 * The row lock orders two attempts that end at the same time: the second one sees that the first has ended.
 * Must run inside a transaction.
 */
export async function leaveRun(
  client: Client,
  { attempt, outcome, reason, abandonAfter, notices = {} }: Leaving,
): Promise<JobRun | undefined> {
  // The reason may quote user input, which must not prevent the run from being closed.
  const error = storableText(reason)
  // A frozen peer may hold the row; a process that must stop does not wait for it.
  await client.query(`SET LOCAL lock_timeout TO ${LEAVE_LOCK_TIMEOUT}`)
  const run = await lockJobRun(client, attempt.run)
  await endAttempt(client, attempt, outcome, error)
  if (run?.status !== 'running') return run
  if (await hasLiveAttempt(client, run, abandonAfter))
    return { ...run, metrics: await currentMetrics(client, run) }
  return closeAsFailed(client, run, error, notices)
}

/** The totals so far; the row gets them when the run is closed. */
async function currentMetrics(client: Client, run: JobRun): Promise<Record<string, number>> {
  const scope = scopeOf(run)
  return withScope(countsOf(await runTotals(client, run), scope), scope)
}

/** Closes a run that no live attempt works on. Must run inside a transaction. */
export async function closeAbandonedRun(
  client: Client,
  ref: RunRef,
  abandonAfter: number,
  notices: NotifyOptions = {},
): Promise<void> {
  const run = await lockJobRun(client, ref)
  // An attempt may have sent a heartbeat between the query and the lock.
  if (run?.status !== 'running' || (await hasLiveAttempt(client, run, abandonAfter))) return
  await closeAsFailed(
    client,
    run,
    'abandoned: every process that worked on this run died or lost its connection for good',
    notices,
  )
}

/** Needs the row locked, and running. */
async function closeAsFailed(
  client: Client,
  run: JobRun,
  error: string,
  notices: NotifyOptions,
): Promise<JobRun> {
  const metrics = await currentMetrics(client, run)
  const closed = await finishJobRun(client, run, { status: 'failed', verdict: 'Errored', metrics, error })
  if (closed === undefined) throw await droppedEnd(client, run)
  await enqueueNotices(client, closed, notices)
  return closed
}

/** The error for an update that changed no row although the row was locked, running and without pending systems. */
async function droppedEnd(client: Client, { id }: RunRef): Promise<DroppedRows> {
  return droppedRows(client, 'job_runs', `the end of run ${id}`)
}

/** The current row of the run; throws if it is no longer in this database. */
export async function currentRun(client: Client, ref: RunRef): Promise<JobRun> {
  const run = await rereadJobRun(client, ref)
  if (run === undefined) throw await missingRunError(client, ref)
  return run
}
