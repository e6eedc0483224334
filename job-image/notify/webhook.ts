import { snakeKeys } from '../../common/snake-case.ts'
import { cloudEvent } from '../../common/webhook/cloud-event.ts'
import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import { sendEvent } from '../../common/webhook/send-event.ts'
import type { Limits } from '../../common/webhook/send-event.ts'
import type { Notice } from './notice.ts'
import type { Webhook } from './sink.ts'

/** The notice as a CloudEvent: `io.rapidrmf.run.errored`, `….worse`, `….recovered`, `….findings`, `….finished`. */
export function noticeEvent({ id, trigger, triggers, time, run, previous }: Notice): CloudEvent {
  return cloudEvent({
    source: ['environments', run.environment],
    id,
    type: `run.${trigger === 'always' ? 'finished' : trigger}`,
    subject: `runs/${run.runId ?? 'none'}`,
    time,
    data: { trigger, triggers, run: snakeKeys(run), previous: snakeKeys(previous) },
  })
}

/** Sends a notice as a CloudEvent; rejects as `sendEvent` does. */
export async function sendWebhook(
  notice: Notice,
  webhook: Webhook,
  limits: Limits,
  now?: number,
): Promise<void> {
  await sendEvent(noticeEvent(notice), webhook, limits, now)
}
