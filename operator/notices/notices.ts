import type { CachedSchedule } from '../cache/projections.ts'
import { noticeEvent } from './notices-event.ts'
import type { NoticeQueue } from './notices-queue.ts'
import { currentNotices } from '../plan/status/notices.ts'
import type { ScheduleNotice } from '../plan/status/notices.ts'
import { instant } from '../values/time.ts'

/**
 * What a leader before us may have written into the status and not sent. It outlasts the tries for one notice
 * (notices-queue.ts) and the time until another replica leads.
 */
const CATCH_UP_MS = 600_000

/**
 * Tells of each thing once in a term as leader. Statuses say what there is to tell, and nothing is kept of what was told:
 * a new leader tells again what is recent, under the same ids.
 */
export class Notices {
  readonly #queue: Pick<NoticeQueue, 'add' | 'clear'>
  /** By schedule: what was there to tell when it was looked at last, and needs no telling any more. */
  readonly #reported = new Map<string, ReadonlySet<string>>()

  constructor(queue: Pick<NoticeQueue, 'add' | 'clear'>) {
    this.#queue = queue
  }

  /** Before anything is done about a schedule: what it says already, and has said for long, was told by others. */
  markReported(key: string, { status }: CachedSchedule, now: number): void {
    if (this.#reported.has(key)) return
    const old = currentNotices(status).filter(({ since }) => instant(since) < now - CATCH_UP_MS)
    this.#reported.set(key, setOf(old))
  }

  /** Once the status says so: what nobody could find in it again is told too early. */
  enqueue(key: string, schedule: CachedSchedule, notices: readonly ScheduleNotice[]): void {
    const known = this.#reported.get(key)
    for (const notice of notices) {
      if (known?.has(nameOf(notice)) !== true) this.#queue.add(key, noticeEvent(schedule, notice))
    }
    this.#reported.set(key, setOf(notices))
  }

  forget(key: string): void {
    this.#reported.delete(key)
  }

  /** A replica that leads again knows no more than one that has just started. */
  startTerm(): void {
    this.#reported.clear()
  }

  /** What is left is the next leader's to tell. */
  endTerm(): void {
    this.#queue.clear()
  }
}

/** Most schedules have nothing to tell. */
const NOTHING: ReadonlySet<string> = new Set()

function setOf(notices: readonly ScheduleNotice[]): ReadonlySet<string> {
  return notices.length === 0 ? NOTHING : new Set(notices.map(nameOf))
}

function nameOf({ type, dedupKey }: ScheduleNotice): string {
  return `${type} ${dedupKey}`
}
