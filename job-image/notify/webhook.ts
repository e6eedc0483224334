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

/** `now` in ms: the receiver compares it with its own clock, so here it is this machine's that counts. */
export async function sendWebhook(
  notice: Notice,
  { url, secret, headers }: Webhook,
  options: Pick<Post, 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>,
  now: number = Date.now(),
): Promise<void> {
  const body = JSON.stringify(noticeEvent(notice))
  const signed =
    secret === undefined ? {} : { [SIGNATURE_HEADER]: signature(secret, Math.floor(now / 1000), body) }
  const answer = await post({
    ...options,
    url,
    headers: { ...headers, 'content-type': CLOUD_EVENT_TYPE, ...signed },
    body,
  })
  requireTaken(url, answer)
}
