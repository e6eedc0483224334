import { expect, test } from 'vitest'
import { DeliveryError } from '../../../common/webhook/failure.ts'
import { send } from '../../../job-image/notify/send.ts'
import type { Transport } from '../../../job-image/notify/sink.ts'
import { noticeOf } from '../../support/notice.ts'
import { HANG, startReceiver } from '../../support/receiver.ts'
import { webhookSink } from '../../support/sinks.ts'

const NOTICE = noticeOf()
const sinkOf = (transport: Transport, timeout = 5_000) => webhookSink('', { transport, timeout })

test('a webhook gets the event, with its headers', async () => {
  const receiver = await startReceiver()
  const headers = { authorization: 'Bearer token' }
  await send(sinkOf({ type: 'webhook', url: receiver.url, headers }), NOTICE, {})
  expect(receiver.requests[0]?.headers.authorization).toBe('Bearer token')
  expect(JSON.parse(receiver.requests[0]?.body ?? '')).toMatchObject({ id: NOTICE.id, specversion: '1.0' })
})

test('Slack gets a text', async () => {
  const receiver = await startReceiver()
  await send(sinkOf({ type: 'slack', url: receiver.url }), NOTICE, {})
  expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual({ text: expect.any(String) as string })
})

test('mail goes to its server', async () => {
  const to = ['b@example.org']
  const mail = { type: 'email', host: '127.0.0.1', port: 1, tls: 'none', from: 'a@example.org', to } as const
  await expect(send(sinkOf(mail), NOTICE, {})).rejects.toThrow('127.0.0.1: refused the connection')
})

test('a sink that cannot be used gets nothing, with the reason', async () => {
  const sink = sinkOf({ type: 'unusable', kind: 'slack', problem: 'X is not set' })
  const error = await send(sink, NOTICE, {}).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DeliveryError)
  expect(error).toMatchObject({ message: 'X is not set' })
})

test('the timeout of the sink and the signal of the caller end a request', async () => {
  const receiver = await startReceiver(HANG)
  const sink = sinkOf({ type: 'webhook', url: receiver.url, headers: {} }, 200)
  await expect(send(sink, NOTICE, {})).rejects.toThrow('did not answer within 0.2 s')
  await expect(send(sink, NOTICE, { signal: AbortSignal.abort() })).rejects.toThrow(DeliveryError)
})

test('a private address is refused where it is not allowed', async () => {
  const receiver = await startReceiver()
  const sink = { ...sinkOf({ type: 'slack', url: receiver.url }), allowPrivateAddresses: false }
  await expect(send(sink, NOTICE, {})).rejects.toThrow('is at a private address')
  expect(receiver.requests).toEqual([])
})
