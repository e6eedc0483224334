import type { Duration } from '../../common/duration.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import type { Config } from './config.ts'
import { expectedDuration, readDuration } from './duration.ts'
import { durationSchema } from './duration-schema.ts'

/** The settings of an incremental run, which evaluates only systems whose inputs have changed. */
export type Incremental = {
  /** Age of a result, before the run's reference time, from which on all systems are evaluated. */
  readonly fullEvery: Duration
}

/** The caller's options: on, off or unset, and the interval of full runs as a text. */
export type IncrementalOptions = {
  readonly incremental?: boolean | undefined
  readonly fullEvery?: string | undefined
}

const HOUR = 3600
const YEAR = 366 * 24 * HOUR
const WEEK: Duration = { months: 0, seconds: 7 * 24 * HOUR }

/** An hour at least: below that every run of most schedules would be a full one. */
const LIMITS = { min: HOUR, max: YEAR } as const
export const fullEverySchema = durationSchema(LIMITS)

/**
 * Flags stand above the variables INCREMENTAL and FULL_EVERY (how the operator hands on the schedule's spec), these above
 * `incremental` and `full_every` of the configuration. Undefined for a full run.
 */
export function incrementalFor(
  config: Pick<Config, 'incremental' | 'fullEvery'>,
  asked: IncrementalOptions,
  { env }: Pick<Io, 'env'>,
): Incremental | undefined {
  const fullEvery =
    duration('--full-every', asked.fullEvery) ?? duration('FULL_EVERY', env['FULL_EVERY']) ?? config.fullEvery
  const on = asked.incremental ?? booleanOf('INCREMENTAL', env['INCREMENTAL']) ?? config.incremental
  return on === true ? { fullEvery: fullEvery ?? WEEK } : undefined
}

function duration(source: string, text: string | undefined): Duration | undefined {
  if (text === undefined || text === '') return undefined
  const found = readDuration(text, LIMITS)
  if (found !== undefined) return found
  throw new InputError(`${source}: ${expectedDuration(LIMITS)}, found "${text}"`)
}

function booleanOf(source: string, text: string | undefined): boolean | undefined {
  if (text === undefined || text === '') return undefined
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InputError(`${source}: expected true or false, found "${text}"`)
}
