import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { CachedSchedule } from '../model.ts'
import { conditionsOf } from './conditions.ts'
import type { CronJobState } from './conditions.ts'
import { historyOf } from './history.ts'
import { childName } from './names.ts'
import type { NextSlot } from './next-slot.ts'
import type { Runs } from './runs.ts'
import { isoTime } from './time.ts'

export type StatusInput = {
  readonly schedule: CachedSchedule
  readonly cronJob: CronJobState
  readonly next: NextSlot
  readonly runs: Runs
  readonly handledRunRequest: string | undefined
  readonly now: number
}

/** The whole status. What the Jobs do not say any more is kept from the last one. */
export function assembleStatus(input: StatusInput): ValidationScheduleStatus {
  const { schedule, cronJob, next, runs, now } = input
  const before = schedule.status
  const history = historyOf(before, runs.finished)
  return compact({
    observedGeneration: schedule.generation,
    conditions: conditionsOf(
      { generation: schedule.generation, now: isoTime(now), cronJob, next, lastRun: history.lastRun },
      before.conditions,
    ),
    cronJobName: cronJobName(schedule, cronJob),
    nextScheduleTime: cronJob.kind === 'ready' && next.kind === 'at' ? isoTime(next.time) : undefined,
    lastScheduleTime: runs.lastScheduleTime,
    active: runs.active.length === 0 ? undefined : [...runs.active],
    ...history,
    lastHandledRunRequest: input.handledRunRequest ?? before.lastHandledRunRequest,
  })
}

/** Whose the name is decides whether it is there under this name at all. */
function cronJobName(schedule: CachedSchedule, state: CronJobState): string | undefined {
  if (state.kind === 'ready') return childName(schedule.name)
  if (state.kind === 'conflict' || state.kind === 'leaving') return undefined
  if ('hasOld' in state) return state.hasOld ? childName(schedule.name) : undefined
  return schedule.status.cronJobName
}

function compact(status: ValidationScheduleStatus): ValidationScheduleStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined))
}

/** Deep equality of JSON; a key without a value is no key. */
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
