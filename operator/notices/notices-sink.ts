import type { CloudEvent } from '../../job-image/notify/cloud-event.ts'
import { sendEvent } from '../../job-image/notify/webhook.ts'
import type { Clock } from '../clock/clock.ts'
import type { Config } from '../config.ts'

/** For one try, from the look-up of the name to the last byte of the answer. */
const TIMEOUT_MS = 10_000

export type NoticeSink = {
  /** What may be logged of its URL. */
  readonly host: string
  send(event: CloudEvent, signal: AbortSignal): Promise<void>
}

/** The one sink of the installation; undefined: none is configured. */
export function noticeSink(config: Readonly<Config>, clock: Pick<Clock, 'date'>): NoticeSink | undefined {
  const {
    'notify-url': url,
    'notify-secret': secret,
    'notify-allow-private-addresses': allowPrivateAddresses,
  } = config
  if (url === undefined) return undefined
  const webhook = { type: 'webhook', url, headers: {}, ...(secret === undefined ? {} : { secret }) } as const
  return {
    host: new URL(url).host,
    send: (event, signal) =>
      sendEvent(
        event,
        webhook,
        { timeout: TIMEOUT_MS, allowPrivateAddresses, signal },
        clock.date().getTime(),
      ),
  }
}
