import type { Clock } from '../../common/clock.ts'
import { systemClock } from '../../common/clock.ts'

/** A clock that shortens delays of a minute or more to two seconds. */
export const hurried: Clock = {
  ...systemClock,
  after: (milliseconds, run) => systemClock.after(milliseconds > 45_000 ? 2_000 : milliseconds, run),
}
