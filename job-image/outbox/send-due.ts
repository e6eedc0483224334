import { setTimeout as sleep } from 'node:timers/promises'
import { asError } from '../errors.ts'
import type { DeliverOptions, Delivery } from './deliver.ts'
import type { NotifyOptions } from '../notify/sink.ts'

/** How long all sinks together may hold up the end of a run, in ms. */
const LONGEST_FAREWELL = 10_000
/** On top of it, for the database to be told what came of it, in ms. */
const LAST_WORDS = 2_000
/** The database has just done a run; whoever waits longer for it delays the next one, in ms. */
const DATABASE_PATIENCE = 3_000

export type OutboxOptions = NotifyOptions & {
  readonly databaseUrl: string
  readonly signal?: AbortSignal
}

/** Sends notices for a run's process. */
export type NoticeSender = {
  /** Sends what the run itself had to say, and resolves once that is done or its time is up. Never rejects. */
  finish(): Promise<void>
}

/** Begins at once, beside the run, with what earlier ones have left. Without sinks it does nothing at all. */
export function startNoticeSender(request: OutboxOptions): NoticeSender {
  if ((request.notifications ?? []).length === 0) return { finish: async () => {} }
  const { signal } = request
  const end = new AbortController()
  const either = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal])
  const earlier = sendDue(request, { signal: either })
  const finish = async (): Promise<void> => {
    const timer = setTimeout(() => end.abort(), LONGEST_FAREWELL)
    const patience = new AbortController()
    try {
      // Whoever is told to stop does not stay to talk; the next process does.
      const own = either.aborted ? undefined : sendDue(request, { signal: either })
      const all = Promise.all([earlier, own])
      const limit = sleep(LONGEST_FAREWELL + LAST_WORDS, undefined, { signal: patience.signal })
      await Promise.race([all, limit.catch(() => undefined)])
    } finally {
      clearTimeout(timer)
      patience.abort()
    }
  }
  return { finish }
}

/** Sends what is due to these sinks, and tells the observer what did not go. Never rejects. */
export async function sendDue(request: OutboxOptions, options: DeliverOptions): Promise<void> {
  const { notifications = [] } = request
  if (notifications.length === 0) return
  const target = {
    url: request.databaseUrl,
    writes: true,
    applicationName: 'rapidrmf notices',
    retryFor: 0,
    queryTimeout: DATABASE_PATIENCE,
  }
  const warn = (message: string): void => request.observer?.({ type: 'warning', message })
  try {
    // Here and not above: a process without sinks has no use for what sends.
    const { deliverNotices } = await import('./deliver.ts')
    const deliveries = await deliverNotices(target, notifications, options)
    for (const each of deliveries) if (each.outcome !== 'sent') warn(deliveryText(each))
  } catch (thrown) {
    warn(`notices could not be sent: ${asError(thrown).message}; the next process tries again`)
  }
}

/** What came of a notice that was not sent. */
export function deliveryText({ sink, outcome, runId, error }: Delivery): string {
  const what = runId === null ? `notices for "${sink}"` : `the notice of run ${runId} for "${sink}"`
  const next = {
    failed: 'it is tried again later',
    'given up': 'it is given up',
    blocked: 'they wait',
    sent: '',
  }
  return `${what} did not go out: ${error ?? ''}; ${next[outcome]}`
}
