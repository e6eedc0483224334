import { defined } from '../../common/defined.ts'
import { hostname } from 'node:os'
import type { Client } from 'pg'
import { beginAttempt, evictSilentAttempts } from '../db/runs/attempts.ts'
import { inTransaction } from '../db/session/client.ts'
import { interruptibleSleep } from '../interruptible-sleep.ts'
import { LOCK_NOT_AVAILABLE, constraintOf, sqlState } from '../db/session/errors.ts'
import {
  JOB_TYPE,
  findJobRunByKey,
  findScheduleRun,
  lockJobRunByKey,
  reopenJobRun,
  startJobRun,
} from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { cancelNotices } from '../db/runs/notices.ts'
import { storedSinks } from '../notify/stored-sinks.ts'
import { runPlanDigest } from '../db/record/plans.ts'
import { requeueFailedSystems } from '../db/record/queue.ts'
import { InputError, InterruptedError } from '../errors.ts'
import { VERSION } from '../../common/version.ts'
import { digestsOf, refuseDigests, warnOfDifferences } from './digests.ts'
import type { RunOptions } from './options.ts'
import { scopeOfSelection } from '../selection/scope.ts'
import type { Session } from './session.ts'
import { closeAbandonedRuns } from './abandoned-runs.ts'

export type OpenedRun =
  /** This process has registered an attempt at the run. */
  | { readonly kind: 'open'; readonly run: JobRun; readonly attempt: number; readonly resumed: boolean }
  /** The run has already succeeded and is only reported. */
  | { readonly kind: 'closed'; readonly run: JobRun }

/** Names of the unique indexes of `job_runs`: the violated one determines how opening continues. */
const KEY_TAKEN = 'ux_job_runs_run_key'
const SLOT_TAKEN = 'ux_job_runs_slot'
const SCHEDULE_BUSY = 'ux_job_runs_running'
const UNIQUE_VIOLATION = '23505'

/** Another run of the schedule is running. */
class ScheduleBusy extends Error {}

/** How long a batch may hold the row of a run before silent attempts are evicted, in ms. */
const ROW_LOCK_TIMEOUT = 5_000

/**
 * Starts, joins or resumes the run of `options.runKey` and registers an attempt; both are committed before any work is
 * done. Waits while another run of the schedule is alive; closes abandoned runs.
 */
export async function openRun(session: Session, options: RunOptions, worker: string): Promise<OpenedRun> {
  for (;;) {
    if (options.signal?.aborted === true) throw new InterruptedError('stopped before the run was opened')
    await session.run((client) => closeAbandonedPeers(client, options))
    try {
      return await session.run((client) => inTransaction(client, () => openOnce(client, options, worker)))
    } catch (error) {
      await waitIfTransient(session, options, error)
    }
  }
}

/** Waits until opening can be retried; rethrows an error that does not pass by itself. */
async function waitIfTransient(session: Session, options: RunOptions, error: unknown): Promise<void> {
  const constraint = sqlState(error) === UNIQUE_VIOLATION ? constraintOf(error) : undefined
  if (constraint === SLOT_TAKEN) throw await session.run((client) => slotTaken(client, options))
  if (constraint === SCHEDULE_BUSY || error instanceof ScheduleBusy) await waitForSchedule(session, options)
  else if (sqlState(error) === LOCK_NOT_AVAILABLE) await waitForBatch(session, options)
  // A peer inserted the same key between the query and the insert: the retry finds it.
  else if (constraint !== KEY_TAKEN) throw error
}

async function openOnce(client: Client, options: RunOptions, worker: string): Promise<OpenedRun> {
  await client.query(`SET LOCAL lock_timeout TO ${ROW_LOCK_TIMEOUT}`)
  const found = await lockJobRunByKey(client, options.runKey)
  if (found !== undefined) refuseOtherEnvironment(found, options)
  if (found?.status === 'success') {
    warnOfDifferences(found, options)
    return { kind: 'closed', run: found }
  }
  if (found !== undefined) await resume(client, found, options)
  const run = found ?? (await insertRun(client, options))
  const attempt = await beginAttempt(client, run, worker, hostname())
  return { kind: 'open', run, attempt, resumed: found !== undefined }
}

async function resume(client: Client, run: JobRun, options: RunOptions): Promise<void> {
  // Its plan is not stored, and the systems that it has evaluated have no record: the rest would be half a run.
  if (run.planned_at !== null && (await runPlanDigest(client, run.id)) === null) {
    throw new InputError(
      `run ${run.id} (key ${options.runKey}) was planned before runs had records and cannot be resumed; use another run key`,
    )
  }
  refuseDigests(run, digestsOf(options))
  // Pruning removed systems from its queue: the run would be closed without them.
  if (run.attributes?.['pruned_at'] !== undefined) {
    throw new InputError(
      `run ${run.id} (key ${options.runKey}) was pruned and cannot be resumed; use another run key`,
    )
  }
  if (run.status !== 'failed') return
  await reopenJobRun(client, run)
  await requeueFailedSystems(client, run)
  // The failure that they report no longer holds.
  await cancelNotices(client, run)
}

async function insertRun(client: Client, options: RunOptions): Promise<JobRun> {
  const { schedule } = options
  await refuseTaken(client, options)
  const scope = scopeOfSelection(options.selection)
  return startJobRun(client, {
    jobType: JOB_TYPE,
    environment: options.environment,
    attributes: defined({
      triggered_by: options.triggeredBy,
      tool_version: VERSION,
      rule_packs: options.ruleSet.packs,
      digests: digestsOf(options),
      scope,
      ...storedSinks(options.notifications, options.environment),
    }),
    runKey: options.runKey,
    scheduleUid: schedule?.uid ?? null,
    schedule: schedule?.name ?? null,
    slotAt: schedule?.slotAt ?? null,
  })
}

/**
 * Makes the checks of the unique indexes before the insert. A refused insert consumes an id: a run that waits for its
 * schedule retries many times and would leave gaps in the run ids.
 */
async function refuseTaken(client: Client, options: RunOptions): Promise<void> {
  const { schedule } = options
  if (schedule === undefined) return
  const { uid, slotAt } = schedule
  if (slotAt !== undefined && (await findScheduleRun(client, uid, { slotAt })) !== undefined)
    throw await slotTaken(client, options)
  if ((await findScheduleRun(client, uid, 'running')) !== undefined) throw new ScheduleBusy()
}

function refuseOtherEnvironment(run: JobRun, { environment, runKey }: RunOptions): void {
  if (run.environment === environment) return
  throw new InputError(
    `run key ${runKey} belongs to run ${run.id} of environment "${run.environment}", not "${environment}"; use another run key`,
  )
}

async function slotTaken(client: Client, { schedule }: RunOptions): Promise<InputError> {
  const { uid = '', name = '', slotAt = '' } = schedule ?? {}
  const holder = await findScheduleRun(client, uid, { slotAt })
  const who =
    holder === undefined ? 'another run' : `run ${holder.id} (key ${holder.run_key}, ${holder.status})`
  return new InputError(`slot ${slotAt} of schedule ${name} already has ${who}; a slot runs once`)
}

/** Waits for the running run of the schedule: if its process died, the run is closed as abandoned after the limit. */
async function waitForSchedule(session: Session, options: RunOptions): Promise<void> {
  const { uid = '', name = '' } = options.schedule ?? {}
  const holder = await session.run((client) => findScheduleRun(client, uid, 'running'))
  if (holder !== undefined) {
    options.observer?.({ type: 'waiting', reason: `schedule ${name} has run ${holder.id} running` })
  }
  await interruptibleSleep(Math.min(options.timing.poll * 4, options.timing.abandonAfter), options.signal)
}

/** Evicts a peer that froze inside a batch of this run, once its heartbeat is old enough. */
async function waitForBatch(session: Session, { runKey, timing, observer }: RunOptions): Promise<void> {
  observer?.({ type: 'waiting', reason: 'a worker of this run holds its row' })
  await session.run(async (client) => {
    const run = await findJobRunByKey(client, runKey)
    if (run !== undefined) await evictSilentAttempts(client, run, timing.abandonAfter)
  })
}

/** Closes abandoned runs of the environment, and of the schedule in any environment. */
async function closeAbandonedPeers(client: Client, options: RunOptions): Promise<void> {
  const { environment, schedule, runKey, timing, notifications, observer } = options
  await closeAbandonedRuns(client, {
    among: { environment, scheduleUid: schedule?.uid ?? null },
    except: runKey,
    abandonAfter: timing.abandonAfter,
    notifications,
    observer,
  })
}
