import type {
  ActiveRun,
  FinishedRun,
  RecentRun,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import type {
  CachedCronJob,
  CachedJob,
  CachedPod,
  CachedSchedule,
  ReasonMessage,
} from '../../cache/projections.ts'
import {
  NO_POD_AGAIN_MS,
  RUN_ENDED,
  activeRun,
  isPodOverdue,
  noNodeDue,
  noPodDue,
  nodeGrace,
} from './active.ts'
import { runEndedAt, reportRunEndAt } from './held-job.ts'
import { reportedRuns } from './history.ts'
import { deletedJobOutcome, jobOutcome, revisedOutcome } from './job-outcome.ts'
import type { Outcome } from './outcome.ts'
import type { Observed, LiveRead } from '../inputs/live-reads.ts'
import { isRunOf } from '../cron-job/ownership.ts'
import { mergeRuns } from './recent-runs.ts'
import { CLOCK_SKEW_MS, earliest, instant, isoTime, newest, utc } from '../../values/time.ts'

export type RunsInput = {
  readonly schedule: CachedSchedule
  /** The object in the cache; a live answer is in `observed`. */
  readonly cronJob: CachedCronJob | undefined
  readonly jobs: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  readonly observed: Observed
  readonly now: number
}

/** What the Jobs of a schedule say about its runs. */
export type Runs = {
  /** Sure to be runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly active: readonly ActiveRun[]
  /** Those that have ended and are not in the status yet, or otherwise than they are there. */
  readonly finished: readonly FinishedRun[]
  /** The newest slot that has had a Job. */
  readonly lastScheduleTime: string | undefined
  /** What must be read before this can be believed. */
  readonly reads: readonly LiveRead[]
  readonly requeueAt: number | undefined
}

type EvaluatedRun = {
  readonly active?: ActiveRun
  readonly finished?: FinishedRun | undefined
  readonly read?: LiveRead
  readonly requeueAt?: number | undefined
}

const UNCACHED_RECHECK_MS = 5_000

/** Later than this after its slot, a Job is a catch-up: the CronJob controller is within a second when nothing holds it. */
const LATE_MS = 10_000

export function readRuns(input: RunsInput): Runs {
  const {
    schedule: { status },
    now,
  } = input
  const reported = reportedRuns(status)
  const active = new Set(status.active?.map(({ jobUID }) => jobUID))
  const jobs = ourJobs(input)
  const fresh = jobs.filter(({ uid }) => !reported.has(uid))
  // In the status since its containers ended; what it says may be revised until its Job has ended as well.
  const held = jobs.filter(({ uid }) => reported.has(uid) && active.has(uid))
  const evaluated = [
    ...[...relevantJobs(fresh, status), ...held].map((job) => evaluateJob(job, reported.get(job.uid), input)),
    ...missingJobs(jobs, status, reported).map((run) => evaluateMissingJob(run, input)),
  ]
  return {
    jobs,
    active: evaluated.flatMap(({ active }) => optional(active)).toSorted(byStart),
    finished: evaluated.flatMap(({ finished }) => optional(finished)),
    lastScheduleTime: newest(notInFuture(status.lastScheduleTime, now), ...jobs.map(({ slot }) => utc(slot))),
    reads: evaluated.flatMap(({ read }) => optional(read)),
    requeueAt: earliest(...evaluated.map(({ requeueAt }) => requeueAt), uncachedRecheckAt(input)),
  }
}

/**
 * Jobs that are runs of this schedule. The UID of a Job that the status names needs no owner to prove it: its CronJob may
 * have been deleted and made again since.
 */
function ourJobs({ schedule, cronJob, jobs, observed }: RunsInput): readonly CachedJob[] {
  const known = new Set(schedule.status.active?.map(({ jobUID }) => jobUID))
  const owner = observed.cronJob ?? cronJob
  const ours = jobs.filter((job) => known.has(job.uid) || isRunOf(schedule, owner, job))
  const cached = new Set(ours.map(({ uid }) => uid))
  return [...ours, ...[...observed.jobs.values()].flatMap(optional).filter(({ uid }) => !cached.has(uid))]
}

/** A Job that the cache does not have gives no event when it ends. */
function uncachedRecheckAt({ jobs, observed, now }: RunsInput): number | undefined {
  const cached = new Set(jobs.map(({ uid }) => uid))
  const hidden = [...observed.jobs.values()].some((job) => job !== undefined && !cached.has(job.uid))
  return hidden ? now + UNCACHED_RECHECK_MS : undefined
}

/** Those that matter: all that go on, and of the others what is new enough for the history. */
function relevantJobs(
  fresh: readonly CachedJob[],
  { recentRuns = [] }: ValidationScheduleStatus,
): readonly CachedJob[] {
  const ended = fresh.flatMap((job) => (job.end === undefined ? [] : [{ job, ...times(job, job.end.at) }]))
  const kept = new Set(
    mergeRuns(
      recentRuns,
      ended.map(({ job, ...rest }) => ({ jobUID: job.uid, ...rest })),
    ).map(({ jobUID }) => jobUID),
  )
  return fresh.filter(({ uid, end }) => end === undefined || kept.has(uid))
}

function missingJobs(
  jobs: readonly CachedJob[],
  { active = [] }: ValidationScheduleStatus,
  reported: ReadonlyMap<string, unknown>,
): readonly ActiveRun[] {
  const present = new Set(jobs.map(({ uid }) => uid))
  return active.filter(({ jobUID }) => !present.has(jobUID) && !reported.has(jobUID))
}

/** One Job and its run. `told` is what the status already says of the run's end; undefined while it says nothing. */
function evaluateJob(job: CachedJob, reported: RecentRun | undefined, input: RunsInput): EvaluatedRun {
  const { schedule, pods, observed, now } = input
  const before = schedule.status.active?.find(({ jobUID }) => jobUID === job.uid)
  const mine = pods.filter(({ jobUid }) => jobUid === job.uid)
  if (job.end !== undefined) return evaluateEndedJob(job, { reported, before }, input)
  const isOpen = reported === undefined || revisedOutcome(reported, job.uid, mine) !== undefined
  const end = isOpen ? evaluateEndedPods(job, mine, { reported, before }, input) : {}
  const isReported = reported !== undefined || end.finished !== undefined
  const warnings = observed.warnings.get(job.uid)
  const waiting = { pods: mine, nodeGraceMs: nodeGrace(schedule.spec.job.activeDeadlineSeconds), now }
  const active = activeRun({ job, ...waiting, before, warning: warnings?.at(0), isReported })
  if (!isPodOverdue(job, mine, before)) {
    return { active, ...end, requeueAt: earliest(end.requeueAt, noNodeDue(waiting)) }
  }
  if (warnings !== undefined) return { active, requeueAt: now + NO_POD_AGAIN_MS }
  const due = noPodDue(job)
  return due > now
    ? { active, requeueAt: due }
    : { active, read: { kind: 'warningsOfJob', uid: job.uid, name: job.name } }
}

type ReportedRun = { readonly reported: RecentRun | undefined; readonly before: ActiveRun | undefined }

/** The Job has ended. The caches hold no pods that have ended, and every pod counts: so all of them are read. */
function evaluateEndedJob(job: CachedJob, known: ReportedRun, { observed, now }: RunsInput): EvaluatedRun {
  const pods = observed.pods.get(job.uid)
  if (pods === undefined) return { read: { kind: 'podsOfJob', uid: job.uid, name: job.name } }
  return { finished: finishedRun(job, pods, known, now) }
}

/** The Job goes on, and the containers of its run may have ended. */
function evaluateEndedPods(
  job: CachedJob,
  cached: readonly CachedPod[],
  known: ReportedRun,
  { observed, now }: RunsInput,
): EvaluatedRun {
  const due = reportRunEndAt(job.uid, cached, now)
  if (due === undefined) return {}
  if (due > now) return { requeueAt: due }
  const pods = observed.pods.get(job.uid)
  if (pods === undefined) return { read: { kind: 'podsOfJob', uid: job.uid, name: job.name } }
  // Another try has begun that the cache does not show yet, or the pod is gone.
  if (runEndedAt(pods, now) === undefined) return { requeueAt: now + UNCACHED_RECHECK_MS }
  return { finished: finishedRun(job, pods, known, now) }
}

/**
 * An active Job that is not there: asked for by name first, because a cache may be older than the status; then for its
 * pods, because it may have been deleted right after its run had ended.
 */
function evaluateMissingJob(run: ActiveRun, { observed, now }: RunsInput): EvaluatedRun {
  const { jobUID, job } = run
  if (!observed.jobs.has(jobUID)) return { read: { kind: 'job', uid: jobUID, name: job } }
  const mine = observed.pods.get(jobUID)
  if (mine === undefined) return { read: { kind: 'podsOfJob', uid: jobUID, name: job } }
  const { trigger, scheduledTime, startTime } = run
  const finished: FinishedRun = {
    jobUID,
    job,
    trigger,
    ...(scheduledTime === undefined ? {} : { scheduledTime }),
    ...(startTime === undefined ? {} : { startTime }),
    completionTime: isoTime(now),
    late: isLate(scheduledTime, startTime),
    ...deletedJobOutcome(jobUID, mine),
  }
  return { finished }
}

/** Undefined: what the status says of it stands. */
function finishedRun(
  job: CachedJob,
  pods: readonly CachedPod[],
  { reported, before }: ReportedRun,
  now: number,
): FinishedRun | undefined {
  const outcome: Outcome | undefined =
    reported === undefined
      ? jobOutcome({ job, pods, lastSeen: lastSeen(before) })
      : revisedOutcome(reported, job.uid, pods)
  if (outcome === undefined) return undefined
  const slot = utc(job.slot)
  return {
    jobUID: job.uid,
    job: job.name,
    trigger: slot === undefined ? 'Manual' : 'Schedule',
    ...(slot === undefined ? {} : { scheduledTime: slot }),
    ...times(job, job.end?.at ?? isoTime(runEndedAt(pods, now) ?? now)),
    late: isLate(slot, utc(job.createdAt)),
    ...outcome,
  }
}

/** The last known reason why the run was not making progress. */
function lastSeen(before: ActiveRun | undefined): ReasonMessage | undefined {
  if (before?.reason === undefined || before.reason === RUN_ENDED) return undefined
  return { reason: before.reason, message: before.message ?? '' }
}

function times(job: CachedJob, end: string): { startTime?: string; completionTime: string } {
  const startTime = utc(job.startTime ?? job.createdAt)
  return {
    ...(startTime === undefined ? {} : { startTime }),
    completionTime: utc(end) ?? startTime ?? isoTime(0),
  }
}

/** A slot that has not come has no Job: what says so would hide every slot until then. */
function notInFuture(time: string | undefined, now: number): string | undefined {
  return time !== undefined && instant(time) <= now + CLOCK_SKEW_MS ? time : undefined
}

function isLate(slot: string | undefined, begin: string | undefined): boolean {
  return slot !== undefined && begin !== undefined && instant(begin) - instant(slot) >= LATE_MS
}

function byStart(a: ActiveRun, b: ActiveRun): number {
  return (a.startTime ?? '').localeCompare(b.startTime ?? '') || a.jobUID.localeCompare(b.jobUID)
}

function optional<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value]
}
