import type { Clock } from '../../common/clock.ts'
import { systemClock } from '../../common/clock.ts'

/** What is looked at or tried again after a minute, or more, comes after two seconds. */
export const hurried: Clock = {
  ...systemClock,
  after: (milliseconds, run) => systemClock.after(milliseconds > 45_000 ? 2_000 : milliseconds, run),
}
