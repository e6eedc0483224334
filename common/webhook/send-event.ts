import { CLOUD_EVENT_TYPE } from './cloud-event.ts'
import type { CloudEvent } from './cloud-event.ts'
import { post, requireTaken } from './http.ts'
import type { Post } from './http.ts'
import { SIGNATURE_HEADER, signature } from './signature.ts'

/** The webhook that receives events, with its headers and secret. */
export type Receiver = {
  readonly url: string
  /** Signs the body. */
  readonly secret?: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

export type Limits = Pick<Post, 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>

/**
 * Posts the event; throws a DeliveryError unless the sink accepts it. `now` in ms is this machine's time, because the
 * sink compares it with its own clock.
 */
export async function sendEvent(
  event: CloudEvent,
  { url, secret, headers }: Receiver,
  limits: Limits,
  now: number = Date.now(),
): Promise<void> {
  const body = JSON.stringify(event)
  const signed =
    secret === undefined ? {} : { [SIGNATURE_HEADER]: signature(secret, Math.floor(now / 1000), body) }
  const answer = await post({
    ...limits,
    url,
    headers: { ...headers, 'content-type': CLOUD_EVENT_TYPE, ...signed },
    body,
  })
  requireTaken(url, answer)
}
