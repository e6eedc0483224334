import type {
  ActiveRun,
  FinishedRun,
  RecentRun,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import type { CachedCronJob, CachedJob, CachedPod, CachedSchedule, Words } from '../../cache/projections.ts'
import { NO_POD_AGAIN_MS, RUN_ENDED, activeRun, lacksPod, noNodeDue, noPodDue, nodeGrace } from './active.ts'
import { runEndedAt, tellAt } from './held-job.ts'
import { toldRuns } from './history.ts'
import { deletedJobOutcome, jobOutcome, revisedOutcome } from './job-outcome.ts'
import type { Outcome } from './outcome.ts'
import type { Learned, LiveRead } from '../inputs/live-reads.ts'
import { isRunOf } from '../cron-job/ownership.ts'
import { mergeRuns } from './recent-runs.ts'
import { CLOCK_SKEW_MS, earliest, instant, isoTime, newest, utc } from '../../values/time.ts'

export type RunsInput = {
  readonly schedule: CachedSchedule
  /** The object in the cache; a live answer is in `learned`. */
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
  /** Those that have ended and are not in the status yet, or otherwise than they are there. */
  readonly finished: readonly FinishedRun[]
  /** The newest slot that has had a Job. */
  readonly lastScheduleTime: string | undefined
  /** What must be read before this can be believed. */
  readonly reads: readonly LiveRead[]
  readonly requeueAt: number | undefined
}

type Judged = {
  readonly active?: ActiveRun
  readonly finished?: FinishedRun | undefined
  readonly read?: LiveRead
  readonly requeueAt?: number | undefined
}

const UNSEEN_AGAIN_MS = 5_000

/** Later than this after its slot, a Job is a catch-up: the CronJob controller is within a second when nothing holds it. */
const LATE_MS = 10_000

export function readRuns(input: RunsInput): Runs {
  const {
    schedule: { status },
    now,
  } = input
  const told = toldRuns(status)
  const active = new Set(status.active?.map(({ jobUID }) => jobUID))
  const jobs = ourJobs(input)
  const fresh = jobs.filter(({ uid }) => !told.has(uid))
  // In the status since its containers ended; what it says may be revised until its Job has ended as well.
  const held = jobs.filter(({ uid }) => told.has(uid) && active.has(uid))
  const judged = [
    ...[...newcomers(fresh, status), ...held].map((job) => judge(job, told.get(job.uid), input)),
    ...vanished(jobs, status, told).map((run) => judgeVanished(run, input)),
  ]
  return {
    jobs,
    active: judged.flatMap(({ active }) => optional(active)).toSorted(byStart),
    finished: judged.flatMap(({ finished }) => optional(finished)),
    lastScheduleTime: newest(notInFuture(status.lastScheduleTime, now), ...jobs.map(({ slot }) => utc(slot))),
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
  const ended = fresh.flatMap((job) => (job.end === undefined ? [] : [{ job, ...times(job, job.end.at) }]))
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
  told: ReadonlyMap<string, unknown>,
): readonly ActiveRun[] {
  const present = new Set(jobs.map(({ uid }) => uid))
  return active.filter(({ jobUID }) => !present.has(jobUID) && !told.has(jobUID))
}

/** One Job and its run. `told` is what the status already says of the run's end; undefined while it says nothing. */
function judge(job: CachedJob, told: RecentRun | undefined, input: RunsInput): Judged {
  const { schedule, pods, learned, now } = input
  const before = schedule.status.active?.find(({ jobUID }) => jobUID === job.uid)
  const mine = pods.filter(({ jobUid }) => jobUid === job.uid)
  if (job.end !== undefined) return judgeEnd(job, { told, before }, input)
  const isOpen = told === undefined || revisedOutcome(told, job.uid, mine) !== undefined
  const end = isOpen ? judgeEndedPods(job, mine, { told, before }, input) : {}
  const isTold = told !== undefined || end.finished !== undefined
  const warnings = learned.warnings.get(job.uid)
  const waiting = { pods: mine, nodeGraceMs: nodeGrace(schedule.spec.job.activeDeadlineSeconds), now }
  const active = activeRun({ job, ...waiting, before, warning: warnings?.at(0), isTold })
  if (!lacksPod(job, mine, before)) {
    return { active, ...end, requeueAt: earliest(end.requeueAt, noNodeDue(waiting)) }
  }
  if (warnings !== undefined) return { active, requeueAt: now + NO_POD_AGAIN_MS }
  const due = noPodDue(job)
  return due > now
    ? { active, requeueAt: due }
    : { active, read: { kind: 'warningsOfJob', uid: job.uid, name: job.name } }
}

type Known = { readonly told: RecentRun | undefined; readonly before: ActiveRun | undefined }

/** The Job has ended. The caches hold no pods that have ended, and every pod counts: so all of them are read. */
function judgeEnd(job: CachedJob, known: Known, { learned, now }: RunsInput): Judged {
  const pods = learned.pods.get(job.uid)
  if (pods === undefined) return { read: { kind: 'podsOfJob', uid: job.uid, name: job.name } }
  return { finished: finishedRun(job, pods, known, now) }
}

/** The Job goes on, and the containers of its run may have ended. */
function judgeEndedPods(
  job: CachedJob,
  cached: readonly CachedPod[],
  known: Known,
  { learned, now }: RunsInput,
): Judged {
  const due = tellAt(job.uid, cached, now)
  if (due === undefined) return {}
  if (due > now) return { requeueAt: due }
  const pods = learned.pods.get(job.uid)
  if (pods === undefined) return { read: { kind: 'podsOfJob', uid: job.uid, name: job.name } }
  // Another try has begun that the cache does not show yet, or the pod is gone.
  if (runEndedAt(pods, now) === undefined) return { requeueAt: now + UNSEEN_AGAIN_MS }
  return { finished: finishedRun(job, pods, known, now) }
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

/** Undefined: what the status says of it stands. */
function finishedRun(
  job: CachedJob,
  pods: readonly CachedPod[],
  { told, before }: Known,
  now: number,
): FinishedRun | undefined {
  const outcome: Outcome | undefined =
    told === undefined
      ? jobOutcome({ job, pods, lastSeen: lastSeen(before) })
      : revisedOutcome(told, job.uid, pods)
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
function lastSeen(before: ActiveRun | undefined): Words | undefined {
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
