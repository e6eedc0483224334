import { defined } from '../../../common/defined.ts'
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
import { isoTime } from '../../../common/iso-time.ts'
import { CLOCK_SKEW_MS, earliest, instant, newest, utc } from '../../values/time.ts'

export type RunsInput = {
  readonly schedule: CachedSchedule
  /** The object in the cache; a live read is in `observed`. */
  readonly cronJob: CachedCronJob | undefined
  readonly jobs: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  readonly observed: Observed
  readonly now: number
}

/** The runs of a schedule, as its Jobs show them. */
export type Runs = {
  /** Jobs that are proved to be runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly active: readonly ActiveRun[]
  /** Ended runs that are not in the status yet, or have another outcome there. */
  readonly finished: readonly FinishedRun[]
  /** The newest slot with a Job. */
  readonly lastScheduleTime: string | undefined
  /** Live reads that are needed before the result is reliable. */
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

/**
 * Milliseconds after its slot from which a Job is late: by default the CronJob controller takes less than a second.
 */
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
  // Their end is in the status since their containers ended; it may be revised until the Job has ended.
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
 * Jobs that are runs of this schedule. A Job whose UID is in the status needs no owner as proof: its CronJob may have
 * been deleted and created again.
 */
function ourJobs({ schedule, cronJob, jobs, observed }: RunsInput): readonly CachedJob[] {
  const known = new Set(schedule.status.active?.map(({ jobUID }) => jobUID))
  const owner = observed.cronJob ?? cronJob
  const ours = jobs.filter((job) => known.has(job.uid) || isRunOf(schedule, owner, job))
  const cached = new Set(ours.map(({ uid }) => uid))
  return [...ours, ...[...observed.jobs.values()].flatMap(optional).filter(({ uid }) => !cached.has(uid))]
}

/** When to look again for a Job that the cache does not have, because no watch event reports its end. */
function uncachedRecheckAt({ jobs, observed, now }: RunsInput): number | undefined {
  const cached = new Set(jobs.map(({ uid }) => uid))
  const hidden = [...observed.jobs.values()].some((job) => job !== undefined && !cached.has(job.uid))
  return hidden ? now + UNCACHED_RECHECK_MS : undefined
}

/** Unfinished Jobs, and ended ones that are recent enough for the history. */
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

/** Evaluates the run of one Job. `reported` is its end in the status; undefined if it is not there. */
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

/** Evaluates a Job that has ended. Its ended pods are not cached, and every pod counts, so all are read. */
function evaluateEndedJob(job: CachedJob, known: ReportedRun, { observed, now }: RunsInput): EvaluatedRun {
  const pods = observed.pods.get(job.uid)
  if (pods === undefined) return { read: { kind: 'podsOfJob', uid: job.uid, name: job.name } }
  return { finished: finishedRun(job, pods, known, now) }
}

/** Evaluates an unfinished Job whose containers may have ended. */
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
  // Another try has started that the cache does not show yet, or the pod is gone.
  if (runEndedAt(pods, now) === undefined) return { requeueAt: now + UNCACHED_RECHECK_MS }
  return { finished: finishedRun(job, pods, known, now) }
}

/**
 * Evaluates an active Job that is not cached. It is read by name first, because the cache may be older than the
 * status; then its pods, because it may have been deleted right after its run ended.
 */
function evaluateMissingJob(run: ActiveRun, { observed, now }: RunsInput): EvaluatedRun {
  const { jobUID, job } = run
  if (!observed.jobs.has(jobUID)) return { read: { kind: 'job', uid: jobUID, name: job } }
  const mine = observed.pods.get(jobUID)
  if (mine === undefined) return { read: { kind: 'podsOfJob', uid: jobUID, name: job } }
  const { trigger, scheduledTime, startTime } = run
  const finished: FinishedRun = defined({
    jobUID,
    job,
    trigger,
    scheduledTime,
    startTime,
    completionTime: isoTime(now),
    late: isLate(scheduledTime, startTime),
    ...deletedJobOutcome(jobUID, mine),
  })
  return { finished }
}

/** Undefined if the status is right already. */
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
  return defined({
    jobUID: job.uid,
    job: job.name,
    trigger: slot === undefined ? 'Manual' : 'Schedule',
    scheduledTime: slot,
    ...times(job, job.end?.at ?? isoTime(runEndedAt(pods, now) ?? now)),
    late: isLate(slot, utc(job.createdAt)),
    ...outcome,
  })
}

/** The last known reason why the run was not making progress. */
function lastSeen(before: ActiveRun | undefined): ReasonMessage | undefined {
  if (before?.reason === undefined || before.reason === RUN_ENDED) return undefined
  return { reason: before.reason, message: before.message ?? '' }
}

function times(job: CachedJob, end: string): Pick<FinishedRun, 'startTime' | 'completionTime'> {
  const startTime = utc(job.startTime ?? job.createdAt)
  return defined({
    startTime,
    completionTime: utc(end) ?? startTime ?? isoTime(0),
  })
}

/** Ignores a time in the future: it would hide every slot until then. */
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
