import { CLOUD_EVENT_TYPE } from './cloud-event.ts'
import type { CloudEvent } from './cloud-event.ts'
import { post, requireTaken } from './http.ts'
import type { Post } from './http.ts'
import { SIGNATURE_HEADER, signature } from './signature.ts'

/** Where events go, and what goes with them. */
export type Receiver = {
  readonly url: string
  /** Signs the body. */
  readonly secret?: string
  readonly headers: Readonly<Record<string, string>>
}

export type Limits = Pick<Post, 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>

/**
 * Posts the event, and throws a DeliveryError unless the receiver takes it. `now` in ms: the receiver compares it with its own clock, so here it is this machine's that counts.
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
