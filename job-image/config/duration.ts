import { limitSeconds, parseDuration } from '../../common/duration.ts'
import type { Duration } from '../../common/duration.ts'

/** The shortest and the longest that is allowed, in seconds, as `limitSeconds` counts them. */
export type DurationLimits = { readonly min: number; readonly max: number }

/** What a setting takes, for its error message. */
export function expectedDuration({ min, max }: DurationLimits): string {
  return `expected a number of seconds or a text like 90s, 5m, 1h or 7d, from ${min} to ${max} seconds`
}

/** A text that is a number of seconds. */
export const SECONDS = /^[0-9]+([.][0-9]+)?$/

/** A number, or a text of one, is in seconds. Undefined for what is no duration or outside of the limits. */
export function readDuration(value: string | number, { min, max }: DurationLimits): Duration | undefined {
  const isNumber = typeof value === 'number' || SECONDS.test(value)
  const duration = isNumber ? { months: 0, seconds: Number(value) } : parseDuration(value)
  if (duration === undefined) return undefined
  const length = limitSeconds(duration)
  return length >= min && length <= max ? duration : undefined
}

/** The same for a setting that is a fixed length of time: months and years, which are not, are undefined. */
export function readSeconds(value: string | number, limits: DurationLimits): number | undefined {
  const duration = readDuration(value, limits)
  return duration?.months === 0 ? duration.seconds : undefined
}
