import type { Lookup } from '../../common/webhook/address.ts'
import { sendEmail } from './email.ts'
import { DeliveryError } from '../../common/webhook/failure.ts'
import type { Notice } from './notice.ts'
import type { Sink } from './sink.ts'
import { sendSlack } from './slack.ts'
import { sendWebhook } from './webhook.ts'

export type SendOptions = {
  /** When aborted, the request is cancelled. */
  readonly signal?: AbortSignal | undefined
  /** Replaced in tests. */
  readonly lookup?: Lookup | undefined
}

/** Sends a notice to a sink once. Rejects with a DeliveryError if the sink does not accept it before the timeout. */
export async function send(sink: Sink, notice: Notice, { signal, lookup }: SendOptions): Promise<void> {
  const { transport, timeout, allowPrivateAddresses } = sink
  const options = { timeout, allowPrivateAddresses, signal, lookup }
  switch (transport.type) {
    case 'webhook':
      return sendWebhook(notice, transport, options)
    case 'slack':
      return sendSlack(notice, { ...options, url: transport.url })
    case 'email':
      return sendEmail(notice, transport, options)
    case 'unusable':
      throw new DeliveryError(transport.problem)
  }
}
