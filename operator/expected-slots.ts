import type { CachedCronJob, Slots } from './model.ts'
import { slotsBetween } from './plan/next-slot.ts'
import { instant } from './plan/time.ts'

/** How far back the first look goes, in steps: a schedule of every minute is not followed through a year. */
const WINDOWS = [2 * 60, 2 * 3600, 2 * 86_400, 32 * 86_400, 367 * 86_400].map((seconds) => seconds * 1000)

type Known = { readonly slots: Slots; readonly until: number; readonly slot: number }

/** For each CronJob the newest slot whose starting deadline has passed: by then there is a run, or something is wrong. */
export class ExpectedSlots {
  readonly #known = new Map<string, Known>()

  /** Milliseconds since the epoch; 0: there is none. */
  of({ uid, slots }: Pick<CachedCronJob, 'uid' | 'slots'>, now: number): number {
    if (slots.suspend) return 0
    const until = now - slots.startingDeadlineSeconds * 1000
    const last = this.#known.get(uid)
    const known = last !== undefined && isSame(last.slots, slots) ? last : undefined
    const slot =
      known === undefined
        ? newestSlot(slots, instant(slots.since), until)
        : (slotsBetween(slots, known.until, until, 1)[0] ?? known.slot)
    this.#known.set(uid, { slots, until: Math.max(until, known?.until ?? until), slot })
    return slot
  }

  /** Forgets the CronJobs that are gone. */
  keepOnly(isThere: (uid: string) => boolean): void {
    for (const uid of this.#known.keys()) if (!isThere(uid)) this.#known.delete(uid)
  }
}

/** A longer deadline does not take back what has been expected. */
function isSame(a: Slots, b: Slots): boolean {
  return a.since === b.since && a.schedule === b.schedule && a.timeZone === b.timeZone
}

function newestSlot(slots: Slots, begin: number, until: number): number {
  for (const window of WINDOWS) {
    const [slot] = slotsBetween(slots, Math.max(begin, until - window), until, 1)
    if (slot !== undefined) return slot
    if (until - window <= begin) return 0
  }
  return 0
}
