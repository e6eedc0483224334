import { z } from 'zod'
import { secondsSchema } from './duration-schema.ts'

const DAY = 86_400

/** `scheduler` of the configuration: the retries of `scheduler start` after a run broke. */
export const schedulerSchema = z.preprocess(
  (value) => value ?? {},
  z.strictObject(
    {
      retries: z
        .int('expected a whole number')
        .min(0, 'expected a whole number from 0 on')
        .max(100, 'expected at most 100')
        .default(0),
      retry_delay: secondsSchema({ min: 1, max: DAY }).default(60),
      retry_backoff: z
        .number('expected a number')
        .min(1, 'expected 1 or more')
        .max(10, 'expected at most 10')
        .default(2),
    },
    {
      error: ({ code }) =>
        code === 'invalid_type'
          ? 'expected a map with retries, retry_delay and retry_backoff, all optional'
          : undefined,
    },
  ),
)

export type SchedulerSettings = {
  /** Number of retries of a slot. */
  readonly retries: number
  /** Seconds between the first failure and the second try. */
  readonly retry_delay: number
  /** Factor by which each further pause is longer than the previous one. */
  readonly retry_backoff: number
}

/** The pause after so many failures of a slot (from 1), in seconds; undefined if it is not retried. */
export function pauseAfter(settings: SchedulerSettings, failures: number): number | undefined {
  if (failures > settings.retries) return undefined
  return Math.min(DAY, settings.retry_delay * settings.retry_backoff ** (failures - 1))
}
