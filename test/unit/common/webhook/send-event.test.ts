import { expect, it } from 'vitest'
import { cloudEvent } from '../../../../common/webhook/cloud-event.ts'
import { sendEvent } from '../../../../common/webhook/send-event.ts'
import { signature } from '../../../../common/webhook/signature.ts'
import { startReceiver, status } from '../../../support/receiver.ts'

const EVENT = cloudEvent({
  id: '7',
  source: ['production'],
  type: 'run.broke',
  subject: 'nightly',
  time: '2026-11-24T02:00:00Z',
  data: { text: 'grüße' },
})
const LIMITS = { timeout: 5_000, allowPrivateAddresses: true }

it('posts the event as JSON, with the headers of the sink', async () => {
  const sink = await startReceiver()
  const headers = { authorization: 'Bearer t', 'content-type': 'text/plain' }
  await sendEvent(EVENT, { url: sink.url, headers }, LIMITS)
  expect(sink.requests).toHaveLength(1)
  const [request] = sink.requests
  expect(JSON.parse(request?.body ?? '')).toEqual(EVENT)
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer t',
    'content-type': 'application/cloudevents+json; charset=utf-8',
  })
  expect(request?.headers).not.toHaveProperty('rapidrmf-signature')
})

it('signs the body that it sends, with the time in whole seconds', async () => {
  const sink = await startReceiver()
  const headers = { 'rapidrmf-signature': 'of the configuration' }
  await sendEvent(EVENT, { url: sink.url, headers, secret: 'key' }, LIMITS, 1_700_000_000_999)
  const [request] = sink.requests
  expect(request?.headers['rapidrmf-signature']).toBe(signature('key', 1_700_000_000, request?.body ?? ''))
})

it('fails where the sink does not accept it, with the delay that it asks for', async () => {
  const sink = await startReceiver(status(429, { 'retry-after': '17' }))
  await expect(sendEvent(EVENT, { url: sink.url, headers: {} }, LIMITS)).rejects.toMatchObject({
    name: 'DeliveryError',
    message: expect.stringContaining('127.0.0.1: answered 429'),
    retryAfter: 17_000,
  })
})
