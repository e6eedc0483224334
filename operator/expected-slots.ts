import type { CachedSchedule } from './model.ts'
import { slotsBetween } from './plan/next-slot.ts'
import { instant } from './plan/time.ts'

/** How far back the first look goes, in steps: a schedule of every minute is not followed through a year. */
const WINDOWS = [2 * 60, 2 * 3600, 2 * 86_400, 32 * 86_400, 367 * 86_400].map((seconds) => seconds * 1000)

type Known = { readonly generation: number; readonly until: number; readonly slot: number }

/** For each schedule the newest slot whose starting deadline has passed: by then there is a run, or something is wrong. */
export class ExpectedSlots {
  readonly #known = new Map<string, Known>()

  /** Milliseconds since the epoch; 0: there is none. */
  of(schedule: CachedSchedule, now: number): number {
    const { uid, generation, spec, createdAt } = schedule
    if (spec.suspend) {
      this.#known.delete(uid)
      return 0
    }
    const until = now - spec.startingDeadlineSeconds * 1000
    const known = this.#known.get(uid)
    // What the schedule was before an edit is not known: it counts from now on.
    const changed = known !== undefined && known.generation !== generation
    const begin = changed ? until : instant(createdAt)
    const slot =
      known === undefined || changed
        ? newestSlot(spec, begin, until)
        : (slotsBetween(spec, known.until, until, 1)[0] ?? known.slot)
    this.#known.set(uid, { generation, until: Math.max(until, known?.until ?? 0), slot })
    return slot
  }

  /** Forgets the schedules that are gone. */
  keepOnly(isThere: (uid: string) => boolean): void {
    for (const uid of this.#known.keys()) if (!isThere(uid)) this.#known.delete(uid)
  }
}

function newestSlot(spec: CachedSchedule['spec'], begin: number, until: number): number {
  for (const window of WINDOWS) {
    const [slot] = slotsBetween(spec, Math.max(begin, until - window), until, 1)
    if (slot !== undefined) return slot
    if (until - window <= begin) return 0
  }
  return 0
}
