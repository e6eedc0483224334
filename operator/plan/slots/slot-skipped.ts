import type { CachedJob, CachedSchedule, Slots } from '../../cache/projections.ts'
import { latestSlots, slotSearch } from './slots.ts'
import { CLOCK_SKEW_MS, earliest, instant, utc } from '../../values/time.ts'

export type SlotInput = {
  /** The CronJob's cron expression and zone; undefined without a CronJob. */
  readonly slots: Slots | undefined
  /** Start of the time in which it fires so; '' if it does not. Earlier slots belonged to another schedule. */
  readonly since: string
  /** Why its slots get no run although the schedule is not suspended; undefined if they do. */
  readonly held?: 'notAllowed' | undefined
  /** The runs in the schedule's status. */
  readonly status: Pick<CachedSchedule['status'], 'active' | 'recentRuns' | 'lastScheduleTime'>
  /** Runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly now: number
  /** Decisions up to this time were reported. */
  readonly reportedUntil: number
}

export type SkippedSlot = {
  readonly slot: number
  readonly why: 'deadline' | 'superseded' | 'notAllowed'
}

export type SkippedSlots = {
  /** Slots that were decided since `reportedUntil`, oldest first. */
  readonly skipped: readonly SkippedSlot[]
  /** Time at which the next slot without a run is decided. */
  readonly decidedAt: number | undefined
}

/** Limit of steps for each of the two searches below: twenty to forty slots, more than one event names. */
const MAX_STEPS = 45

/**
 * Finds skipped slots. A slot that Forbid delays runs when the run before it ends. It is skipped only when its
 * deadline has passed, or when a later slot ran in its place. Decisions since `reportedUntil` are therefore in two
 * spans: slots whose deadline has passed since, and slots before a run that began since.
 */
export function skippedSlots({
  slots,
  since,
  held,
  status,
  jobs,
  now,
  reportedUntil: toldUntil,
}: SlotInput): SkippedSlots {
  const begin = instant(since)
  if (slots === undefined || Number.isNaN(begin) || (slots.suspend && held === undefined))
    return NOTHING_SKIPPED
  const search = slotSearch(slots)
  if ('unknown' in search) return NOTHING_SKIPPED
  const deadline = slots.startingDeadlineSeconds * 1000
  const runs = runSlots(jobs, status, now)
  const from = Math.max(begin, toldUntil - deadline)
  const late = latestSlots(search, from, now - deadline, MAX_STEPS)
  const overtaken = latestSlots(search, from, newestRunSince(toldUntil, runs), MAX_STEPS)
  const skipped = [...new Set([...late, ...overtaken])]
    .filter((slot) => !runs.has(slot))
    .map((slot) => ({ slot, ...decision(slot, runs, slot + deadline) }))
    .filter(({ at }) => at <= now && at > toldUntil)
    .map(({ slot, why }) => ({ slot, why: why === 'deadline' ? (held ?? why) : why }))
    .toSorted((a, b) => a.slot - b.slot)
  const after = Math.max(begin, now - deadline, ...runs.keys())
  const open = search(after)
  // A future slot is usually decided by its run; one that is held up is not.
  const isOpen = open !== undefined && (open <= now || held !== undefined)
  return { skipped, decidedAt: isOpen ? open + deadline : undefined }
}

const NOTHING_SKIPPED: SkippedSlots = { skipped: [], decidedAt: undefined }

/** Start times of runs by slot. No run starts before its slot: a status that says so is ignored. */
function runSlots(
  jobs: readonly CachedJob[],
  { active = [], recentRuns = [], lastScheduleTime }: SlotInput['status'],
  now: number,
): ReadonlyMap<number, number> {
  const reported = [...active, ...recentRuns]
    .map(({ scheduledTime, startTime }) => [scheduledTime, startTime ?? scheduledTime] as const)
    .concat([[lastScheduleTime, lastScheduleTime]])
  const live = jobs.map(({ slot, createdAt }) => [utc(slot), createdAt] as const)
  return new Map(
    [...reported, ...live]
      .flatMap(([slot, begin]) =>
        slot === undefined || begin === undefined ? [] : [[instant(slot), instant(begin)] as const],
      )
      .filter(([slot, begin]) => slot <= Math.min(begin, now) + CLOCK_SKEW_MS),
  )
}

/** The newest slot of the runs that began since then; 0 if there is none. */
function newestRunSince(toldUntil: number, runs: ReadonlyMap<number, number>): number {
  return Math.max(0, ...[...runs].filter(([, begin]) => begin > toldUntil).map(([slot]) => slot))
}

function decision(
  slot: number,
  runs: ReadonlyMap<number, number>,
  deadline: number,
): { readonly at: number; readonly why: 'deadline' | 'superseded' } {
  const later = [...runs].filter(([other]) => other > slot).map(([, begin]) => begin)
  const superseded = earliest(...later)
  return superseded !== undefined && superseded < deadline
    ? { at: superseded, why: 'superseded' }
    : { at: deadline, why: 'deadline' }
}
