import type { ActiveRun, FinishedRun, ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { CachedCronJob, CachedJob, CachedPod, CachedSchedule, JobEnd } from '../model.ts'
import { NO_POD_AGAIN_MS, activeRun, lacksPod, noPodDue } from './active.ts'
import { deletedJobOutcome, jobOutcome } from './job-outcome.ts'
import type { Outcome } from './job-outcome.ts'
import type { Learned, LiveRead } from './live-reads.ts'
import { isRunOf } from './ownership.ts'
import { mergeRuns } from './recent-runs.ts'
import { earliest, instant, isoTime, newest, utc } from './time.ts'

export type RunsInput = {
  readonly schedule: CachedSchedule
  /** As the cache has it; a live answer is in `learned`. */
  readonly cronJob: CachedCronJob | undefined
  readonly jobs: readonly CachedJob[]
  readonly pods: readonly CachedPod[]
  readonly learned: Learned
  readonly now: number
}

/** What the Jobs of a schedule say about its runs. */
export type Runs = {
  /** Sure to be runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly active: readonly ActiveRun[]
  /** Those that have ended and are not in the status yet. */
  readonly finished: readonly FinishedRun[]
  /** The newest slot that has had a Job. */
  readonly lastScheduleTime: string | undefined
  /** What must be read before this can be believed. */
  readonly reads: readonly LiveRead[]
  readonly requeueAt: number | undefined
}

type Judged = {
  readonly active?: ActiveRun
  readonly finished?: FinishedRun
  readonly read?: LiveRead
  readonly requeueAt?: number
}

const UNSEEN_AGAIN_MS = 5_000

/** Later than this after its slot, a Job is a catch-up: the CronJob controller is within a second when nothing holds it. */
const LATE_MS = 10_000

export function readRuns(input: RunsInput): Runs {
  const { status } = input.schedule
  const told = new Set(
    [...(status.recentRuns ?? []), ...optional(status.lastRun)].map(({ jobUID }) => jobUID),
  )
  const jobs = ourJobs(input)
  const fresh = jobs.filter(({ uid }) => !told.has(uid))
  const judged = [
    ...newcomers(fresh, status).map((job) => judge(job, input)),
    ...vanished(jobs, status, told).map((run) => judgeVanished(run, input)),
  ]
  return {
    jobs,
    active: judged.flatMap(({ active }) => optional(active)).toSorted(byStart),
    finished: judged.flatMap(({ finished }) => optional(finished)),
    lastScheduleTime: newest(status.lastScheduleTime, ...jobs.map(({ slot }) => utc(slot))),
    reads: judged.flatMap(({ read }) => optional(read)),
    requeueAt: earliest(...judged.map(({ requeueAt }) => requeueAt), unseen(input)),
  }
}

/**
 * Jobs that are runs of this schedule. The UID of a Job that the status names needs no owner to prove it: its CronJob may
 * have been deleted and made again since.
 */
function ourJobs({ schedule, cronJob, jobs, learned }: RunsInput): readonly CachedJob[] {
  const known = new Set(schedule.status.active?.map(({ jobUID }) => jobUID))
  const owner = learned.cronJob ?? cronJob
  const ours = jobs.filter((job) => known.has(job.uid) || isRunOf(schedule, owner, job))
  const cached = new Set(ours.map(({ uid }) => uid))
  return [...ours, ...[...learned.jobs.values()].flatMap(optional).filter(({ uid }) => !cached.has(uid))]
}

/** A Job that the cache does not have gives no event when it ends. */
function unseen({ jobs, learned, now }: RunsInput): number | undefined {
  const cached = new Set(jobs.map(({ uid }) => uid))
  const hidden = [...learned.jobs.values()].some((job) => job !== undefined && !cached.has(job.uid))
  return hidden ? now + UNSEEN_AGAIN_MS : undefined
}

/** Those that matter: all that go on, and of the others what is new enough for the history. */
function newcomers(
  fresh: readonly CachedJob[],
  { recentRuns = [] }: ValidationScheduleStatus,
): readonly CachedJob[] {
  const ended = fresh.flatMap((job) => (job.end === undefined ? [] : [{ job, ...times(job, job.end) }]))
  const kept = new Set(
    mergeRuns(
      recentRuns,
      ended.map(({ job, ...rest }) => ({ jobUID: job.uid, ...rest })),
    ).map(({ jobUID }) => jobUID),
  )
  return fresh.filter(({ uid, end }) => end === undefined || kept.has(uid))
}

function vanished(
  jobs: readonly CachedJob[],
  { active = [] }: ValidationScheduleStatus,
  told: ReadonlySet<string>,
): readonly ActiveRun[] {
  const present = new Set(jobs.map(({ uid }) => uid))
  return active.filter(({ jobUID }) => !present.has(jobUID) && !told.has(jobUID))
}

function judge(job: CachedJob, { schedule, pods, learned, now }: RunsInput): Judged {
  const before = schedule.status.active?.find(({ jobUID }) => jobUID === job.uid)
  const live = learned.pods.get(job.uid)
  const mine = live ?? pods.filter(({ jobUid }) => jobUid === job.uid)
  if (job.end !== undefined) {
    const { uid, name, end } = job
    const lastSeen =
      before?.reason === undefined ? undefined : { reason: before.reason, message: before.message ?? '' }
    // The caches have no pods that have ended, and of several pods each has its say.
    if (live === undefined) return { read: { kind: 'podsOfJob', uid, name } }
    return {
      finished: finishedRun(job, end, jobOutcome({ job: { uid, name, end }, pods: live, lastSeen })),
    }
  }
  const warnings = learned.warnings.get(job.uid)
  const active = activeRun({ job, pods: mine, before, warning: warnings?.at(0) })
  if (!lacksPod(job, mine, before)) return { active }
  if (warnings !== undefined) return { active, requeueAt: now + NO_POD_AGAIN_MS }
  const due = noPodDue(job)
  return due > now
    ? { active, requeueAt: due }
    : { active, read: { kind: 'warningsOfJob', uid: job.uid, name: job.name } }
}

/**
 * An active Job that is not there: asked for by name first, because a cache may be older than the status; then for its
 * pods, because it may have been deleted right after its run had ended.
 */
function judgeVanished(run: ActiveRun, { learned, now }: RunsInput): Judged {
  const { jobUID, job } = run
  if (!learned.jobs.has(jobUID)) return { read: { kind: 'job', uid: jobUID, name: job } }
  const mine = learned.pods.get(jobUID)
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

function finishedRun(job: CachedJob, end: JobEnd, outcome: Outcome): FinishedRun {
  const slot = utc(job.slot)
  return {
    jobUID: job.uid,
    job: job.name,
    trigger: slot === undefined ? 'Manual' : 'Schedule',
    ...(slot === undefined ? {} : { scheduledTime: slot }),
    ...times(job, end),
    late: isLate(slot, utc(job.createdAt)),
    ...outcome,
  }
}

function times(job: CachedJob, end: JobEnd): { startTime?: string; completionTime: string } {
  const startTime = utc(job.startTime ?? job.createdAt)
  return {
    ...(startTime === undefined ? {} : { startTime }),
    completionTime: utc(end.at) ?? startTime ?? isoTime(0),
  }
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
