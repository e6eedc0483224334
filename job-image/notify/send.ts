import type { Lookup } from '../../common/webhook/address.ts'
import { sendEmail } from './email.ts'
import { DeliveryError } from '../../common/webhook/failure.ts'
import type { Notice } from './notice.ts'
import type { Sink } from './sink.ts'
import { sendSlack } from './slack.ts'
import { sendWebhook } from './webhook.ts'

export type SendOptions = {
  /** Aborted: nobody waits for the answer any longer. */
  readonly signal?: AbortSignal | undefined
  /** For tests. */
  readonly lookup?: Lookup | undefined
}

/** One try to tell a sink. Rejects with a DeliveryError when it did not take the notice within its time. */
export async function send(sink: Sink, notice: Notice, { signal, lookup }: SendOptions): Promise<void> {
  const { receiver, timeout, allowPrivateAddresses } = sink
  const options = { timeout, allowPrivateAddresses, signal, lookup }
  switch (receiver.type) {
    case 'webhook':
      return sendWebhook(notice, receiver, options)
    case 'slack':
      return sendSlack(notice, { ...options, url: receiver.url })
    case 'email':
      return sendEmail(notice, receiver, options)
    case 'unusable':
      throw new DeliveryError(receiver.fault)
  }
}
