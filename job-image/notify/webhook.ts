import { CLOUD_EVENT_TYPE, cloudEvent } from './cloud-event.ts'
import type { CloudEvent } from './cloud-event.ts'
import { post, requireTaken } from './http.ts'
import type { Post } from './http.ts'
import type { Notice } from './notice.ts'
import { SIGNATURE_HEADER, signature } from './signature.ts'
import type { Webhook } from './sink.ts'

/** The notice as a CloudEvent: `io.rapidrmf.run.errored`, `….worse`, `….recovered`, `….findings`, `….finished`. */
export function noticeEvent({ id, trigger, triggers, time, run, previous }: Notice): CloudEvent {
  return cloudEvent({
    source: ['environments', run.environment],
    id,
    type: `run.${trigger === 'always' ? 'finished' : trigger}`,
    subject: `runs/${run.runId ?? 'none'}`,
    time,
    data: { trigger, triggers, run, previous },
  })
}

type Limits = Pick<Post, 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>

/** As `sendEvent`. */
export async function sendWebhook(
  notice: Notice,
  webhook: Webhook,
  limits: Limits,
  now?: number,
): Promise<void> {
  await sendEvent(noticeEvent(notice), webhook, limits, now)
}

/** `now` in ms: the receiver compares it with its own clock, so here it is this machine's that counts. */
export async function sendEvent(
  event: CloudEvent,
  { url, secret, headers }: Webhook,
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
