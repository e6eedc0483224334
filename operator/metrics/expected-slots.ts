import type { CachedCronJob, Slots } from '../cache/projections.ts'
import { latestSlot, slotSearch } from '../plan/slots/slots.ts'
import { instant } from '../values/time.ts'

type ExpectedSlot = {
  readonly slots: Slots
  readonly since: string
  readonly until: number
  readonly slot: number
}

/** The newest slot of each CronJob whose starting deadline has passed: it has a run, or something is wrong. */
export class ExpectedSlots {
  readonly #known = new Map<string, ExpectedSlot>()

  /**
   * Returns milliseconds since the epoch; 0 if there is none. `since`: earlier slots belonged to another schedule; ''
   * if unknown.
   */
  of({ uid, slots }: Pick<CachedCronJob, 'uid' | 'slots'>, since: string, now: number): number {
    if (slots.suspend) return 0
    const until = now - slots.startingDeadlineSeconds * 1000
    const last = this.#known.get(uid)
    const known = last !== undefined && isSame(last, slots, since) ? last : undefined
    const slot = newestSlot(slots, known?.until ?? instant(since), until) ?? known?.slot ?? 0
    this.#known.set(uid, { slots, since, until: Math.max(until, known?.until ?? until), slot })
    return slot
  }

  /** Drops the CronJobs that no longer exist. */
  keepOnly(isThere: (uid: string) => boolean): void {
    for (const uid of this.#known.keys()) if (!isThere(uid)) this.#known.delete(uid)
  }
}

/** A longer deadline does not withdraw an expected slot. */
function isSame(known: ExpectedSlot, { schedule, timeZone }: Slots, since: string): boolean {
  return known.since === since && known.slots.schedule === schedule && known.slots.timeZone === timeZone
}

function newestSlot(slots: Slots, after: number, until: number): number | undefined {
  const search = slotSearch(slots)
  return 'unknown' in search || Number.isNaN(after) ? undefined : latestSlot(search, after, until)
}
