import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import { sendEvent } from '../../common/webhook/send-event.ts'
import type { Clock } from '../clock/clock.ts'
import type { OperatorConfig } from '../config.ts'

/** For one try, from the look-up of the name to the last byte of the answer. */
const TIMEOUT_MS = 10_000

export type NoticeSink = {
  /** What may be logged of its URL. */
  readonly host: string
  send(event: CloudEvent, signal: AbortSignal): Promise<void>
}

/** The one sink of the installation; undefined: none is configured. */
export function noticeSink(
  config: Readonly<OperatorConfig>,
  clock: Pick<Clock, 'date'>,
): NoticeSink | undefined {
  const {
    'notify-url': url,
    'notify-secret': secret,
    'notify-allow-private-addresses': allowPrivateAddresses,
  } = config
  if (url === undefined) return undefined
  const receiver = { url, headers: {}, ...(secret === undefined ? {} : { secret }) }
  return {
    host: new URL(url).host,
    send: (event, signal) =>
      sendEvent(
        event,
        receiver,
        { timeout: TIMEOUT_MS, allowPrivateAddresses, signal },
        clock.date().getTime(),
      ),
  }
}
