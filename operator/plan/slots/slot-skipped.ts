import type { CachedJob, CachedSchedule, Slots } from '../../cache/projections.ts'
import { latestSlots, slotSearch } from './slots.ts'
import { CLOCK_SKEW_MS, earliest, instant, utc } from '../../values/time.ts'

export type SlotInput = {
  /** When the schedule's CronJob fires; undefined without one. */
  readonly slots: Slots | undefined
  /** Since when it fires then; '' where it does not. Slots before that were another schedule's. */
  readonly since: string
  /** Why its slots get no run for now although the schedule is not suspended; undefined where nothing holds them up. */
  readonly held?: 'notAllowed' | undefined
  /** What the schedule's status says of its runs. */
  readonly status: Pick<CachedSchedule['status'], 'active' | 'recentRuns' | 'lastScheduleTime'>
  /** Runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly now: number
  /** What was decided up to then has been reported. */
  readonly reportedUntil: number
}

export type SkippedSlot = {
  readonly slot: number
  readonly why: 'deadline' | 'superseded' | 'notAllowed'
}

export type SkippedSlots = {
  /** Decided since `toldUntil`, oldest first. */
  readonly skipped: readonly SkippedSlot[]
  /** When the next slot that has no run yet is decided. */
  readonly decidedAt: number | undefined
}

/** The limit of each of the two searches below: some twenty to forty slots, more than one event names. */
const MAX_STEPS = 45

/**
 * Slots that get no run any more. One that Forbid holds back is run late when the run before it ends: it is skipped only
 * when its deadline has passed, or when a later slot was run in its place. So two spans can hold what was decided since
 * `toldUntil`: the slots whose deadline has passed since then, and those before a run that began since then.
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
  // A slot to come is decided by a run, mostly; one that is held up is not.
  const isOpen = open !== undefined && (open <= now || held !== undefined)
  return { skipped, decidedAt: isOpen ? open + deadline : undefined }
}

const NOTHING_SKIPPED: SkippedSlots = { skipped: [], decidedAt: undefined }

/** Slots that have a run, and since when. No run begins before its slot: a status that says so is not believed. */
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

/** The newest slot among the runs that began since then; 0 without one. */
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
