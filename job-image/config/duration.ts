import { z } from 'zod'

const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)?$/
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** A duration of the configuration: a number of seconds, or a text like `90s`, `5m`, `1h`, `7d`. Its output is in seconds. */
export function durationSchema({ min, max }: { readonly min: number; readonly max: number }) {
  const expected = `expected a number of seconds or a text like 90s, 5m, 1h or 7d, from ${min} to ${max} seconds`
  return z.union([z.number(), z.string()], expected).transform((value, context): number => {
    const [, number = '', unit = 's'] = DURATION.exec(String(value)) ?? []
    const seconds = Number(number) * SECONDS[unit as keyof typeof SECONDS]
    if (number !== '' && seconds >= min && seconds <= max) return seconds
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}
