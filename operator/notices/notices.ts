import type { CachedSchedule } from '../cache/projections.ts'
import { noticeEvent } from './notices-event.ts'
import type { NoticeQueue } from './notices-queue.ts'
import { currentNotices } from '../plan/status/notices.ts'
import type { ScheduleNotice } from '../plan/status/notices.ts'
import { instant } from '../values/time.ts'

/**
 * Notices that are younger may be in the status without having been sent by the previous leader. It is longer than
 * the retries of a notice (notices-queue.ts) plus an election.
 */
const CATCH_UP_MS = 600_000

/**
 * Sends each notice once in a term as leader. The statuses contain what there is to send, and sent notices are not
 * stored: a new leader sends recent ones again under the same ids.
 */
export class Notices {
  readonly #queue: Pick<NoticeQueue, 'add' | 'clear'>
  /** The notices of each schedule that need not be sent any more. */
  readonly #reported = new Map<string, ReadonlySet<string>>()

  constructor(queue: Pick<NoticeQueue, 'add' | 'clear'>) {
    this.#queue = queue
  }

  /** Marks old notices of the status as sent. Must be called before a schedule is reconciled. */
  markReported(key: string, { status }: CachedSchedule, now: number): void {
    if (this.#reported.has(key)) return
    const old = currentNotices(status).filter(({ since }) => instant(since) < now - CATCH_UP_MS)
    this.#reported.set(key, setOf(old))
  }

  /**
   * Enqueues the notices that were not sent yet. Must be called after the status was written, so that another leader
   * finds them there.
   */
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

  /** Starts a term without knowledge of earlier terms. */
  startTerm(): void {
    this.#reported.clear()
  }

  /** Leaves unsent notices to the next leader. */
  endTerm(): void {
    this.#queue.clear()
  }
}

/** Most schedules have no notices. */
const NOTHING: ReadonlySet<string> = new Set()

function setOf(notices: readonly ScheduleNotice[]): ReadonlySet<string> {
  return notices.length === 0 ? NOTHING : new Set(notices.map(nameOf))
}

function nameOf({ type, dedupKey }: ScheduleNotice): string {
  return `${type} ${dedupKey}`
}
