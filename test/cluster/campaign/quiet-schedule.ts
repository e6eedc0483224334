// Schedules without a slot for weeks: a run that starts by itself would be a write that no step of a campaign has caused.
import fc from 'fast-check'

/** The month that many months from now. */
function month(later: number): number {
  return ((new Date().getUTCMonth() + later) % 12) + 1
}

export const QUIET = `0 0 1 ${month(6)} *`

/** The same shape from the same seed; the month moves with the calendar. */
export const anyQuietSchedule: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('0', '*/15', '5,35', '10-20/5', '59'),
    fc.constantFrom('0', '2', '*', '22-23', '*/6'),
    fc.constantFrom('*', '?', '1', '15,28', '*/10'),
    fc.integer({ min: 2, max: 10 }).map(month),
    fc.constantFrom('*', '1-5', 'SUN', 'mon,WED', '0'),
  )
  .map((fields) => fields.join(' '))
