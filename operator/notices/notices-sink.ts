import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import { sendEvent } from '../../common/webhook/send-event.ts'
import type { Clock } from '../../common/clock.ts'
import type { OperatorConfig } from '../config.ts'

/** Timeout of one try, from the name lookup to the last byte of the response. */
const TIMEOUT_MS = 10_000

export type NoticeSink = {
  /** The part of its URL that may be logged. */
  readonly host: string
  send(event: CloudEvent, signal: AbortSignal): Promise<void>
}

/** The sink of the installation; undefined if none is configured. */
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
  const receiver = { url, headers: {}, secret }
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
