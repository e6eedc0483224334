import type { Type } from 'cmd-ts'
import { DURATION_EXAMPLES, intervalText, limitSeconds, parseDuration } from '../../../common/duration.ts'
import { expectedDuration, readSeconds } from '../../config/duration.ts'
import type { DurationLimits } from '../../config/duration.ts'

/** An option whose value is a fixed length of time; its output is in seconds. */
export function secondsType(limits: DurationLimits): Type<string, number> {
  return {
    displayName: 'DURATION',
    from: async (text) => {
      const seconds = readSeconds(text, limits)
      if (seconds !== undefined) return seconds
      throw new Error(`${expectedDuration(limits)}, found ${JSON.stringify(text)}`)
    },
  }
}

/** An age as an interval of PostgreSQL, and whether it is so short that it is probably a typing error. */
export type Age = { readonly interval: string; readonly short: boolean }

const DAY = 86_400
/** Older than any installation, and what the database can subtract from today. */
const MAX_YEARS = 1100

/** A duration back from now, by the calendar. A number needs its unit: 90 could mean days to a reader, and seconds to us. */
export function parseAge(text: string): Age {
  const duration = parseDuration(text)
  if (duration === undefined || limitSeconds(duration) > MAX_YEARS * 366 * DAY) {
    throw new Error(
      `expected an age such as ${DURATION_EXAMPLES} (at most ${MAX_YEARS}y), found ${JSON.stringify(text)}`,
    )
  }
  return { interval: intervalText(duration), short: limitSeconds(duration) < DAY }
}

export const ageType: Type<string, Age> = { displayName: 'AGE', from: async (text) => parseAge(text) }
