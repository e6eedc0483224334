import { defined } from '../../../common/defined.ts'
import type {
  ConflictingWriter,
  CronJobStatus,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import { conditionsOf } from './conditions.ts'
import type { CronJobState } from '../cron-job/cron-job-state.ts'
import { historyOf } from '../runs/history.ts'
import { childName } from '../../values/names.ts'
import type { NextSlot } from '../slots/next-slot.ts'
import type { Runs } from '../runs/runs.ts'
import { isoTime } from '../../../common/iso-time.ts'

export type StatusInput = {
  readonly schedule: CachedSchedule
  readonly state: CronJobState
  /** The entry of the schedule's own CronJob; undefined if it is not known to exist. */
  readonly cronJob: CronJobStatus | undefined
  readonly conflictingWriter: ConflictingWriter | undefined
  /** Jobs of an earlier schedule that hold up the CronJob's slots. */
  readonly heldUpBy: readonly string[]
  readonly next: NextSlot
  readonly runs: Runs
  readonly handledRunRequest: string | undefined
  readonly now: number
}

/** Assembles the whole status. Facts that the Jobs no longer show are kept from the last one. */
export function assembleStatus(input: StatusInput): ValidationScheduleStatus {
  const { schedule, state, next, conflictingWriter, heldUpBy, runs, now } = input
  const before = schedule.status
  const { generation } = schedule
  const name = cronJobName(schedule, state)
  const history = historyOf(before, runs.finished)
  return defined({
    observedGeneration: generation,
    conditions: conditionsOf(
      {
        generation,
        now: isoTime(now),
        cronJob: state,
        next,
        conflictingWriter,
        heldUpBy,
        lastRun: history.lastRun,
      },
      before.conditions,
    ),
    cronJobName: name,
    cronJob: input.cronJob ?? (name === undefined ? undefined : before.cronJob),
    conflictingWriter,
    nextScheduleTime: state.kind === 'ready' && next.kind === 'at' ? isoTime(next.time) : undefined,
    lastScheduleTime: runs.lastScheduleTime,
    active: runs.active.length === 0 ? undefined : [...runs.active],
    ...history,
    lastHandledRunRequest: input.handledRunRequest ?? before.lastHandledRunRequest,
  })
}

/** The name of the CronJob in the status, if it is the schedule's own. */
function cronJobName(schedule: CachedSchedule, state: CronJobState): string | undefined {
  if (state.kind === 'ready') return childName(schedule.name)
  if ('lastGood' in state) return state.lastGood === undefined ? undefined : childName(schedule.name)
  if (state.kind === 'conflict' || state.kind === 'leaving' || state.kind === 'inherited') return undefined
  return schedule.status.cronJobName
}

/** Deep equality of JSON; an undefined field equals an absent one. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [entries(a), entries(b)]
  return left.size === right.size && [...left].every(([key, value]) => sameJson(value, right.get(key)))
}

function entries(value: object): Map<string, unknown> {
  return new Map(Object.entries(value).filter(([, field]) => field !== undefined))
}
