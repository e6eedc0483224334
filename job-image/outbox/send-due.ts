import { sleep } from '../../common/clock.ts'
import { asError } from '../errors.ts'
import type { DeliverOptions, Delivery } from './deliver.ts'
import type { NotifyOptions } from '../notify/sink.ts'

/** How long sending notices may delay the exit of a run's process, in ms. */
const SEND_TIMEOUT = 10_000
/** Additional time to store the outcomes in the database, in ms. */
const STORE_TIMEOUT = 2_000
/** Statement timeout, in ms: waiting longer would delay the next run. */
const STATEMENT_TIMEOUT = 3_000

export type OutboxOptions = NotifyOptions & {
  readonly databaseUrl: string
  readonly signal?: AbortSignal | undefined
}

/** Sends notices for a run's process. */
export type NoticeSender = {
  /** Sends the notices of the run itself; resolves when they are sent or after a timeout. Never rejects. */
  finish(): Promise<void>
}

/** Starts to send due notices of earlier runs, concurrently with the run. Does nothing without sinks. */
export function startNoticeSender(request: OutboxOptions): NoticeSender {
  if ((request.notifications ?? []).length === 0) return { finish: async () => {} }
  const { signal } = request
  const end = new AbortController()
  const either = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal])
  const earlier = sendDue(request, { signal: either })
  const finish = async (): Promise<void> => {
    const timer = setTimeout(() => end.abort(), SEND_TIMEOUT)
    const done = new AbortController()
    try {
      // A process that must stop leaves its notices to the next one.
      const own = either.aborted ? undefined : sendDue(request, { signal: either })
      const all = Promise.all([earlier, own])
      await Promise.race([all, sleep(SEND_TIMEOUT + STORE_TIMEOUT, done.signal)])
    } finally {
      clearTimeout(timer)
      done.abort()
    }
  }
  return { finish }
}

/** Sends the due notices of these sinks, and reports failures to the observer as warnings. Never rejects. */
export async function sendDue(request: OutboxOptions, options: DeliverOptions): Promise<void> {
  const { notifications = [] } = request
  if (notifications.length === 0) return
  const target = {
    url: request.databaseUrl,
    writes: true,
    applicationName: 'rapidrmf notices',
    retryFor: 0,
    queryTimeout: STATEMENT_TIMEOUT,
  }
  const warn = (message: string): void => request.observer?.({ type: 'warning', message })
  try {
    // Imported on demand: a process without sinks does not load the senders.
    const { deliverNotices } = await import('./deliver.ts')
    const deliveries = await deliverNotices(target, notifications, options)
    for (const each of deliveries) if (each.outcome !== 'sent') warn(deliveryText(each))
  } catch (thrown) {
    warn(`notices could not be sent: ${asError(thrown).message}; the next process retries`)
  }
}

/** The warning about a notice that was not sent. */
export function deliveryText({ sink, outcome, runId, error }: Delivery): string {
  const what = runId === null ? `notices for "${sink}"` : `the notice of run ${runId} for "${sink}"`
  const next = {
    failed: 'it will be retried',
    'given up': 'it is given up',
    blocked: 'they stay pending',
    sent: '',
  }
  return `${what} could not be sent: ${error ?? ''}; ${next[outcome]}`
}
