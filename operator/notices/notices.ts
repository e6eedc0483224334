import type { CachedSchedule } from '../cache/projections.ts'
import { noticeEvent } from './notices-event.ts'
import type { NoticeQueue } from './notices-queue.ts'
import { standingNotices } from '../plan/status/notices.ts'
import type { Notice } from '../plan/status/notices.ts'
import { instant } from '../values/time.ts'

/**
 * What a leader before us may have written into the status and not sent. It outlasts the tries for one notice
 * (notices-queue.ts) and the time until another replica leads.
 */
const UNSURE_MS = 600_000

/**
 * Tells of each thing once in a term as leader. Statuses say what there is to tell, and nothing is kept of what was told:
 * a new leader tells again what is recent, under the same ids.
 */
export class Notices {
  readonly #queue: Pick<NoticeQueue, 'add' | 'clear'>
  /** By schedule: what was there to tell when it was looked at last, and needs no telling any more. */
  readonly #known = new Map<string, ReadonlySet<string>>()

  constructor(queue: Pick<NoticeQueue, 'add' | 'clear'>) {
    this.#queue = queue
  }

  /** Before anything is done about a schedule: what it says already, and has said for long, was told by others. */
  look(key: string, { status }: CachedSchedule, now: number): void {
    if (this.#known.has(key)) return
    const old = standingNotices(status).filter(({ since }) => instant(since) < now - UNSURE_MS)
    this.#known.set(key, setOf(old))
  }

  /** Once the status says so: what nobody could find in it again is told too early. */
  tell(key: string, schedule: CachedSchedule, notices: readonly Notice[]): void {
    const known = this.#known.get(key)
    for (const notice of notices) {
      if (known?.has(nameOf(notice)) !== true) this.#queue.add(key, noticeEvent(schedule, notice))
    }
    this.#known.set(key, setOf(notices))
  }

  forget(key: string): void {
    this.#known.delete(key)
  }

  /** A replica that leads again knows no more than one that has just started. */
  startTerm(): void {
    this.#known.clear()
  }

  /** What is left is the next leader's to tell. */
  endTerm(): void {
    this.#queue.clear()
  }
}

/** Most schedules have nothing to tell. */
const NOTHING: ReadonlySet<string> = new Set()

function setOf(notices: readonly Notice[]): ReadonlySet<string> {
  return notices.length === 0 ? NOTHING : new Set(notices.map(nameOf))
}

function nameOf({ type, occasion }: Notice): string {
  return `${type} ${occasion}`
}
