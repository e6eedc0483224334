import { expect, it } from 'vitest'
import { cloudEvent } from '../../../../common/webhook/cloud-event.ts'
import { signature } from '../../../../common/webhook/signature.ts'
import { readConfig } from '../../../../operator/config.ts'
import type { OperatorConfig } from '../../../../operator/config.ts'
import { noticeSink } from '../../../../operator/notices/notices-sink.ts'
import { startReceiver, status } from '../../../support/receiver.ts'
import { fakeClock } from '../fake-clock.ts'

const clock = fakeClock(new Date('2026-11-24T02:00:00.900Z'))
const { signal } = new AbortController()
const EVENT = cloudEvent({ id: '7', source: ['x'], type: 'run.stuck', subject: 's', time: 't', data: {} })

const sinkOf = (env: Record<string, string>, ...flags: string[]) =>
  noticeSink(readConfig(['--image', 'i', ...flags], env) as OperatorConfig, clock)

it('there is none without a URL', () => {
  expect(sinkOf({})).toBeUndefined()
})

it('sends a signed event, and names no more of its URL than the host', async () => {
  const receiver = await startReceiver()
  const sink = sinkOf(
    { NOTIFY_URL: `${receiver.url}/secret-path`, NOTIFY_SECRET: 'key' },
    '--notify-allow-private-addresses=true',
  )
  expect(sink?.host).toBe(`127.0.0.1:${receiver.port}`)
  await sink?.send(EVENT, signal)
  const [request] = receiver.requests
  expect(request?.path).toBe('/secret-path')
  expect(JSON.parse(request?.body ?? '')).toEqual(EVENT)
  // The time of the cluster, in whole seconds.
  const seconds = Date.parse('2026-11-24T02:00:00Z') / 1000
  expect(request?.headers['rapidrmf-signature']).toBe(signature('key', seconds, request?.body ?? ''))
})

it('signs nothing without a secret, and fails where the event is not accepted', async () => {
  const receiver = await startReceiver(status(503))
  const sink = sinkOf({ NOTIFY_URL: receiver.url }, '--notify-allow-private-addresses=true')
  await expect(sink?.send(EVENT, signal)).rejects.toThrow('answered 503')
  expect(receiver.requests[0]?.headers).not.toHaveProperty('rapidrmf-signature')
})

it('does not connect to a private address unless that is allowed', async () => {
  const receiver = await startReceiver()
  const sink = sinkOf({ NOTIFY_URL: receiver.url.replace('http:', 'https:') })
  await expect(sink?.send(EVENT, signal)).rejects.toThrow('is at a private address')
  expect(receiver.connections()).toBe(0)
})
