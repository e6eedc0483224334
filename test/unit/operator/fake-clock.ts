import type { Clock } from '../../../common/clock.ts'

export type FakeClock = Clock & {
  /** Moves on, firing what is due at its time, and lets everything that follows from it happen first. */
  advance(milliseconds: number): Promise<void>
  /** Moves on without firing anything: the process was stopped (SIGSTOP). What is due fires with the next `advance`. */
  freeze(milliseconds: number): void
  /** How many timers wait. */
  pending(): number
}

type Timer = { readonly at: number; readonly run: () => void }

export function fakeClock(start = new Date('2026-11-24T02:00:00Z')): FakeClock {
  // A monotonic clock starts anywhere.
  const origin = 5_000_000
  let now = origin
  const timers = new Set<Timer>()
  const due = (until: number): Timer | undefined =>
    [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
  return {
    now: () => now,
    date: () => new Date(start.getTime() + now - origin),
    after: (milliseconds, run) => {
      const timer = { at: now + milliseconds, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance: async (milliseconds) => {
      const end = now + milliseconds
      await settle()
      for (let timer = due(end); timer !== undefined; timer = due(end)) {
        timers.delete(timer)
        now = Math.max(now, timer.at)
        timer.run()
        await settle()
      }
      now = Math.max(now, end)
    },
    freeze: (milliseconds) => {
      now += milliseconds
    },
    pending: () => timers.size,
  }
}

/** Until all promises that can be settled are. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
