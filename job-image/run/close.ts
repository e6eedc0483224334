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
import { countControls } from '../db/runs/run-controls.ts'
import type { ControlCounts } from '../db/runs/run-controls.ts'
import type { RunRef } from '../db/runs/run-ref.ts'
import { runTotals } from '../db/runs/run-systems.ts'
import type { RunTotals } from '../db/runs/run-systems.ts'
import { carryRecord } from './reuse.ts'
import { runGone } from './gone.ts'
import { storableText } from '../storable-text.ts'
import { enqueueNotices } from './enqueue-notices.ts'
import type { NoticesOf } from '../notify/sink.ts'

/** ms */
const FAREWELL_LOCK_TIMEOUT = 5_000

/** What planning found, as it stands in the row's metrics while the run goes on. */
export type Scope = { readonly controls: number; readonly invalidControls: number }

export function scopeOf(run: JobRun): Scope {
  const number = (key: string): number => metricOf(run, key)
  return { controls: number('controls'), invalidControls: number('invalid_controls') }
}

/** Totals of the run for every surface, so that the counts agree wherever they are shown. */
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

/** The verdict of a run that came to its end. What could not be evaluated weighs more than what was found. */
export function verdictOf(counts: RunCounts): Exclude<Verdict, 'Errored'> {
  if (counts.systems === 0 || counts.controls === 0 || counts.errors > 0) return 'Incomplete'
  return counts.notPass === 0 ? 'Passed' : 'Findings'
}

/**
 * How a run ends whose last system has left the queue. One that could store nothing for any system has not done its work,
 * so it failed: mostly the tables refuse every row, and a retry helps once they are mended.
 */
function endOf(totals: RunTotals, counts: RunCounts): Pick<RunEnd, 'status' | 'verdict' | 'error'> {
  if (totals.systems === 0 || totals.failedSystems < totals.systems)
    return { status: 'success', verdict: verdictOf(counts) }
  const error = `none of the ${totals.systems} systems could be evaluated; one of the reasons: ${totals.error}`
  return { status: 'failed', verdict: 'Errored', error }
}

/**
 * Closes the run if its last system is decided. Each worker tries after its own last commit, so the last one succeeds
 * and nobody else does. The totals may be read first: a queue without pending systems does not change any more. `own`:
 * what this worker has counted per control; asked for once the run is closed, not at each look at it.
 */
export async function closeIfDecided(
  client: Client,
  run: JobRun,
  notices: NoticesOf = {},
  own: () => readonly ControlCounts[] = () => [],
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
    if (closed === undefined) throw await endDropped(client, run)
    // Only by the one that closed it, and seen together with the end.
    if (end.status === 'success') {
      const previousRun = carryRecord(run)?.previous_run ?? null
      await countControls(client, run, totals.counts, { own: own(), previousRun })
    }
    await enqueueNotices(client, closed, notices)
    return closed
  })
}

function withScope(counts: RunCounts, scope: Scope): Record<string, number> {
  return { ...metricsOf(counts), invalid_controls: scope.invalidControls }
}

/**
 * Ends this attempt without the run being done; closes the run as failed unless another attempt goes on with it.
 * Undefined: the run is not in this database any more.
 * The row's lock puts two attempts that end together in order: the second one sees that the first has ended.
 * Runs inside a transaction.
 */
export async function leaveRun(
  client: Client,
  attempt: AttemptRef,
  outcome: AttemptOutcome,
  reason: string,
  abandonAfter: number,
  notices: NoticesOf = {},
): Promise<JobRun | undefined> {
  // It may quote what a person wrote, and must not keep the run from being closed.
  const error = storableText(reason)
  // A frozen peer may hold the row; a process that was told to stop does not wait for it.
  await client.query(`SET LOCAL lock_timeout TO ${FAREWELL_LOCK_TIMEOUT}`)
  const run = await lockJobRun(client, attempt.run)
  await endAttempt(client, attempt, outcome, error)
  if (run?.status !== 'running') return run
  if (await hasLiveAttempt(client, run, abandonAfter))
    return { ...run, metrics: await currentMetrics(client, run) }
  return closeAsFailed(client, run, error, notices)
}

/** The totals so far: the row itself gets its own when the run is closed. */
async function currentMetrics(client: Client, run: JobRun): Promise<Record<string, number>> {
  const scope = scopeOf(run)
  return withScope(countsOf(await runTotals(client, run), scope), scope)
}

/** Closes a run whose processes all died without a word. Runs inside a transaction. */
export async function closeAbandonedRun(
  client: Client,
  ref: RunRef,
  abandonAfter: number,
  notices: NoticesOf = {},
): Promise<void> {
  const run = await lockJobRun(client, ref)
  // It may have come back to life between the look and the lock.
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
  notices: NoticesOf,
): Promise<JobRun> {
  const metrics = await currentMetrics(client, run)
  const closed = await finishJobRun(client, run, { status: 'failed', verdict: 'Errored', metrics, error })
  if (closed === undefined) throw await endDropped(client, run)
  await enqueueNotices(client, closed, notices)
  return closed
}

/** The row was locked and running, and nothing was pending any more where that matters. */
async function endDropped(client: Client, { id }: RunRef): Promise<DroppedRows> {
  return droppedRows(client, 'job_runs', `the end of run ${id}`)
}

/** The run as it stands now; throws where it is not in this database any more. */
export async function currentRun(client: Client, ref: RunRef): Promise<JobRun> {
  const run = await rereadJobRun(client, ref)
  if (run === undefined) throw await runGone(client, ref)
  return run
}
