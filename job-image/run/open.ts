import { hostname } from 'node:os'
import type { Client } from 'pg'
import { beginAttempt, evictSilentAttempts } from '../db/runs/attempts.ts'
import { inTransaction, interruptibleSleep } from '../db/session/client.ts'
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
import { requeueFailedSystems } from '../db/runs/run-systems.ts'
import { InputError, InterruptedError } from '../errors.ts'
import { VERSION } from '../../common/version.ts'
import type { RunRequest } from './request.ts'
import { scopeOfSelection } from '../selection/scope.ts'
import type { Session } from './session.ts'
import { closeSilentRuns } from './silent-runs.ts'

/** What all attempts at one run must have in common, so that they judge the same thing. */
export type RunDigests = {
  readonly rules: string
  readonly configuration: string
  readonly tool_version: string
  /** Of the selection; absent when there is none. */
  readonly scope?: string
  /** Known from planning on. */
  readonly controls?: string
}

export type OpenedRun =
  /** This process has an attempt at the run. */
  | { readonly kind: 'open'; readonly run: JobRun; readonly attempt: number; readonly resumed: boolean }
  /** The run succeeded before: there is nothing to do but to report it. */
  | { readonly kind: 'closed'; readonly run: JobRun }

/** Names of the unique indexes; which one refuses an insert says what stands in the way. */
const KEY_TAKEN = 'ux_job_runs_run_key'
const SLOT_TAKEN = 'ux_job_runs_slot'
const SCHEDULE_BUSY = 'ux_job_runs_running'
const UNIQUE_VIOLATION = '23505'

/** Another run of the schedule is under way. */
class ScheduleBusy extends Error {}

/** How long the row of a run may be held by a batch before its holder is looked at, in ms. */
const ROW_LOCK_TIMEOUT = 5_000

/**
 * Begins, joins or resumes the run of `request.runKey` and registers an attempt, both visible to others before any
 * work is done. Waits while another run of the schedule is alive; closes the runs of dead processes.
 */
export async function openRun(session: Session, request: RunRequest, worker: string): Promise<OpenedRun> {
  for (;;) {
    if (request.signal?.aborted === true) throw new InterruptedError('stopped before the run was opened')
    await session.run((client) => closeNeighbours(client, request))
    try {
      return await session.run((client) => inTransaction(client, () => openOnce(client, request, worker)))
    } catch (error) {
      await standAside(session, request, error)
    }
  }
}

/** Waits out what kept a run from being opened, if it is something that passes; otherwise throws. */
async function standAside(session: Session, request: RunRequest, error: unknown): Promise<void> {
  const constraint = sqlState(error) === UNIQUE_VIOLATION ? constraintOf(error) : undefined
  if (constraint === SLOT_TAKEN) throw await session.run((client) => slotTaken(client, request))
  if (constraint === SCHEDULE_BUSY || error instanceof ScheduleBusy) await waitForSchedule(session, request)
  else if (sqlState(error) === LOCK_NOT_AVAILABLE) await waitForBatch(session, request)
  // A peer inserted the same key between our look and our insert: the next look finds it.
  else if (constraint !== KEY_TAKEN) throw error
}

async function openOnce(client: Client, request: RunRequest, worker: string): Promise<OpenedRun> {
  await client.query(`SET LOCAL lock_timeout TO ${ROW_LOCK_TIMEOUT}`)
  const found = await lockJobRunByKey(client, request.runKey)
  if (found !== undefined) refuseOtherEnvironment(found, request)
  if (found?.status === 'success') {
    warnOfDifferences(found, request)
    return { kind: 'closed', run: found }
  }
  if (found !== undefined) await resume(client, found, request)
  const run = found ?? (await insertRun(client, request))
  const attempt = await beginAttempt(client, run, worker, hostname())
  return { kind: 'open', run, attempt, resumed: found !== undefined }
}

async function resume(client: Client, run: JobRun, request: RunRequest): Promise<void> {
  refuseDigests(run, digestsOf(request))
  // Pruning took systems out of its queue, so it would be closed as if they had never been there.
  if (run.attributes?.['pruned_at'] !== undefined) {
    throw new InputError(
      `run ${run.id} (key ${request.runKey}) was pruned and cannot go on; use another run key`,
    )
  }
  if (run.status !== 'failed') return
  await reopenJobRun(client, run)
  await requeueFailedSystems(client, run)
  // That it had failed is not true any more.
  await cancelNotices(client, run)
}

async function insertRun(client: Client, request: RunRequest): Promise<JobRun> {
  const { schedule } = request
  await refuseTaken(client, request)
  const scope = scopeOfSelection(request.selection)
  return startJobRun(client, {
    jobType: JOB_TYPE,
    environment: request.environment,
    attributes: {
      triggered_by: request.triggeredBy,
      tool_version: VERSION,
      rule_packs: request.ruleSet.packs,
      digests: digestsOf(request),
      ...(scope && { scope }),
      ...storedSinks(request.notifications, request.environment),
    },
    runKey: request.runKey,
    scheduleUid: schedule?.uid ?? null,
    schedule: schedule?.name ?? null,
    slotAt: schedule?.slotAt ?? null,
  })
}

/**
 * What the unique indexes refuse as well, without the id that a refused insert uses up: a run that waits for its schedule
 * tries again and again, and would leave a gap in the numbers of the runs.
 */
async function refuseTaken(client: Client, request: RunRequest): Promise<void> {
  const { schedule } = request
  if (schedule === undefined) return
  const { uid, slotAt } = schedule
  if (slotAt !== undefined && (await findScheduleRun(client, uid, { slotAt })) !== undefined)
    throw await slotTaken(client, request)
  if ((await findScheduleRun(client, uid, 'running')) !== undefined) throw new ScheduleBusy()
}

export function digestsOf({ ruleSet, configurationDigest, selection }: RunRequest): RunDigests {
  const scope = scopeOfSelection(selection)
  return {
    rules: ruleSet.digest,
    configuration: configurationDigest,
    tool_version: VERSION,
    ...(scope && { scope: scope.digest }),
  }
}

/** In words of the user: what the digest is of. */
const DIGEST_NAMES: Record<keyof RunDigests, string> = {
  rules: 'other rule packs',
  configuration: 'another configuration',
  tool_version: 'another version of rapidrmf',
  scope: 'another selection of systems or controls',
  controls: 'another set of controls (a catalog, a baseline or requirements changed since)',
}

/** An attempt that would judge something else than the run does must not join it. */
export function refuseDigests(run: JobRun, mine: RunDigests): void {
  const different = differences(run, mine)
  if (different === '') return
  throw new InputError(
    `run ${run.id} (key ${run.run_key}) was begun with ${different}; ` +
      'attempts at one run must judge the same thing: restore what it was begun with, or start a new run with another run key (--run-key, or --schedule of "scheduler start")',
  )
}

/** A run that has succeeded is only reported, and its summary must not pass for one of what is configured here. */
function warnOfDifferences(run: JobRun, request: RunRequest): void {
  const different = differences(run, digestsOf(request))
  if (different === '') return
  const message = `run ${run.id} (key ${run.run_key}) had succeeded, with ${different}; what is configured here was not validated`
  request.observer?.({ type: 'warning', message })
}

/** What a run judges by and this process does not, in words; empty: nothing. */
function differences(run: JobRun, mine: RunDigests): string {
  const theirs = (run.attributes?.['digests'] ?? {}) as Partial<RunDigests>
  // A run without a selection has no digest of it, and that is a difference as well.
  const keys = [...new Set([...Object.keys(mine), 'scope'])] as (keyof RunDigests)[]
  const different = keys.filter((key) => theirs[key] !== mine[key])
  return different.map((key) => DIGEST_NAMES[key]).join(' and ')
}

function refuseOtherEnvironment(run: JobRun, { environment, runKey }: RunRequest): void {
  if (run.environment === environment) return
  throw new InputError(
    `run key ${runKey} belongs to run ${run.id} of environment "${run.environment}", not "${environment}"; use another run key`,
  )
}

async function slotTaken(client: Client, { schedule }: RunRequest): Promise<InputError> {
  const { uid = '', name = '', slotAt = '' } = schedule ?? {}
  const holder = await findScheduleRun(client, uid, { slotAt })
  const who =
    holder === undefined ? 'another run' : `run ${holder.id} (key ${holder.run_key}, ${holder.status})`
  return new InputError(`slot ${slotAt} of schedule ${name} has ${who} already; a slot is run once`)
}

/** A new process must not burn its slot because the old one died seconds ago: it waits for the abandon limit. */
async function waitForSchedule(session: Session, request: RunRequest): Promise<void> {
  const { uid = '', name = '' } = request.schedule ?? {}
  const holder = await session.run((client) => findScheduleRun(client, uid, 'running'))
  if (holder !== undefined) {
    request.observer?.({ type: 'waiting', reason: `schedule ${name} has run ${holder.id} running` })
  }
  await interruptibleSleep(Math.min(request.timing.poll * 4, request.timing.abandonAfter), request.signal)
}

/** A peer froze inside a batch of this very run: its session goes once it has been silent for long enough. */
async function waitForBatch(session: Session, { runKey, timing, observer }: RunRequest): Promise<void> {
  observer?.({ type: 'waiting', reason: 'a worker of this run holds its row' })
  await session.run(async (client) => {
    const run = await findJobRunByKey(client, runKey)
    if (run !== undefined) await evictSilentAttempts(client, run, timing.abandonAfter)
  })
}

/** Those of the environment, and those of the schedule of whatever environment. */
async function closeNeighbours(client: Client, request: RunRequest): Promise<void> {
  const { environment, schedule, runKey, timing, notifications, observer } = request
  await closeSilentRuns(client, {
    among: { environment, scheduleUid: schedule?.uid ?? null },
    except: runKey,
    abandonAfter: timing.abandonAfter,
    ...(notifications && { notifications }),
    ...(observer && { observer }),
  })
}
