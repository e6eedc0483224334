import type { CachedJob, CachedSchedule } from '../model.ts'
import { slotsBetween } from './next-slot.ts'
import { earliest, instant, utc } from './time.ts'

export type SlotInput = {
  readonly schedule: CachedSchedule
  /** Since when the CronJob is as it is; '' without one. Slots before that were another schedule's. */
  readonly since: string
  /** Runs of this schedule. */
  readonly jobs: readonly CachedJob[]
  readonly now: number
  /** What was decided up to then has been told. */
  readonly toldUntil: number
}

export type SkippedSlots = {
  /** Decided since `toldUntil`, oldest first. */
  readonly skipped: readonly { readonly slot: number; readonly why: 'deadline' | 'superseded' }[]
  /** When the next slot that has no run yet is decided. */
  readonly decidedAt: number | undefined
}

/** More than anybody reads, and enough for the Jobs of any history limit. */
const MOST_SLOTS = 100
const DAY_MS = 86_400_000

/**
 * Slots that get no run any more. One that Forbid holds back is run late when the run before it ends: it is skipped only
 * when its deadline has passed, or when a later slot was run in its place.
 */
export function skippedSlots({ schedule, since, jobs, now, toldUntil }: SlotInput): SkippedSlots {
  const { spec, status } = schedule
  const begin = instant(since)
  if (spec.suspend || Number.isNaN(begin)) return { skipped: [], decidedAt: undefined }
  const deadline = spec.startingDeadlineSeconds * 1000
  const from = Math.max(begin, Math.min(now - deadline, toldUntil - deadline), now - DAY_MS - deadline)
  const runs = runSlots(jobs, status)
  const open = slotsBetween(spec, from, now, MOST_SLOTS)
    .filter((slot) => !runs.has(slot))
    .map((slot) => ({ slot, ...decision(slot, runs, slot + deadline) }))
  return {
    skipped: open.filter(({ at }) => at <= now && at > toldUntil).map(({ slot, why }) => ({ slot, why })),
    decidedAt: earliest(...open.map(({ at }) => at).filter((at) => at > now)),
  }
}

/** Slots that have a run, and since when. */
function runSlots(
  jobs: readonly CachedJob[],
  { active = [], recentRuns = [], lastScheduleTime }: CachedSchedule['status'],
): ReadonlyMap<number, number> {
  const told = [...active, ...recentRuns]
    .map(({ scheduledTime, startTime }) => [scheduledTime, startTime ?? scheduledTime] as const)
    .concat([[lastScheduleTime, lastScheduleTime]])
  const live = jobs.map(({ slot, createdAt }) => [utc(slot), createdAt] as const)
  return new Map(
    [...told, ...live].flatMap(([slot, begin]) =>
      slot === undefined || begin === undefined ? [] : [[instant(slot), instant(begin)] as const],
    ),
  )
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
