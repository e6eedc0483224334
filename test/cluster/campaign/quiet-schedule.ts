// Schedules without a slot for weeks: a scheduled run would cause writes that belong to no step of a campaign.
import fc from 'fast-check'

/** The month `months` months from now. */
function month(later: number): number {
  return ((new Date().getUTCMonth() + later) % 12) + 1
}

export const QUIET = `0 0 1 ${month(6)} *`

/** A cron expression whose form depends only on the seed; the month moves with the calendar. */
export const anyQuietSchedule: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('0', '*/15', '5,35', '10-20/5', '59'),
    fc.constantFrom('0', '2', '*', '22-23', '*/6'),
    fc.constantFrom('*', '?', '1', '15,28', '*/10'),
    fc.integer({ min: 2, max: 10 }).map(month),
    fc.constantFrom('*', '1-5', 'SUN', 'mon,WED', '0'),
  )
  .map((fields) => fields.join(' '))
