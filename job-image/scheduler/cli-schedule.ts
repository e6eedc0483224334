import { shortDigest } from '../../crds/run-summary.ts'
import type { Selection } from '../../crds/selection.ts'
import type { ResolvedTarget, TargetOptions } from '../config/target.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { scopeOfSelection } from '../selection/scope.ts'
import { selectionFor } from '../run/selection-sources.ts'
import type { ScheduleIdentity } from '../run/options.ts'

/** The options of `scheduler start` that identify its schedule. */
export type CliScheduleOptions = TargetOptions & {
  readonly cron: string
  /** IANA name. */
  readonly timezone: string
  readonly selection?: Selection | undefined
  /** A name that identifies the schedule within its environment instead of the other options. */
  readonly schedule?: string | undefined
}

/** A run key has 255 characters at most; the name shares them with the environment's and the slot. */
const MAX_NAME = 100

/**
 * The identity of the schedule, equal in all instances of it, so that together they run each slot once. The selection is
 * part of it: two instances that validate different things are two schedules. Throws an InputError for an invalid
 * selection or name.
 */
export function cliSchedule(
  options: CliScheduleOptions,
  { config, environment }: ResolvedTarget,
  io: Pick<Io, 'env'>,
): Pick<ScheduleIdentity, 'uid' | 'name'> {
  const { env, cron, timezone, schedule } = options
  if (schedule !== undefined) {
    refuseName(schedule)
    return { uid: `cli:${env}|schedule=${schedule}`, name: schedule }
  }
  const scope = scopeOfSelection(selectionFor(config, environment, options.selection, io))
  const parts = [`cli:${env}`, cron.trim().split(/\s+/).join(' '), timezone]
  if (scope !== undefined) parts.push(`scope=${shortDigest(scope.digest)}`)
  return { uid: parts.join('|'), name: `${env} ${cron}` }
}

function refuseName(name: string): void {
  const length = Array.from(name).length
  if (name.trim() === '' || length > MAX_NAME) {
    throw new InputError(`--schedule: expected a name of 1 to ${MAX_NAME} characters, found ${length}`)
  }
  if (/[\p{Cc}\p{Cs}]/u.test(name))
    throw new InputError('--schedule: a name must not contain control characters')
}
