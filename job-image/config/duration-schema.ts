import { z } from 'zod'
import { DURATION_PATTERNS } from '../../common/duration.ts'
import { SECONDS, expectedDuration, readDuration, readSeconds } from './duration.ts'
import type { DurationLimits } from './duration.ts'

/** A duration that may have months of the calendar. */
export function durationSchema(limits: DurationLimits) {
  return schema(limits, readDuration)
}

/** A duration in seconds. */
export function secondsSchema(limits: DurationLimits) {
  return schema(limits, readSeconds)
}

/** A pattern for editors that check a file by the JSON Schema; reading a text decides. */
const TEXT = new RegExp([SECONDS.source, ...DURATION_PATTERNS].join('|'))

type Read<Value> = (value: string | number, limits: DurationLimits) => Value | undefined

function schema<Value>(limits: DurationLimits, read: Read<Value>) {
  const expected = expectedDuration(limits)
  const number = z.number().min(limits.min, expected).max(limits.max, expected)
  return z.union([number, z.string().regex(TEXT, expected)], expected).transform((value, context): Value => {
    const found = read(value, limits)
    if (found !== undefined) return found
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}
