import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SIGNATURE_HEADER, signature } from '../../../common/webhook/signature.ts'
import { noticeEvent, sendWebhook } from '../../../job-image/notify/webhook.ts'
import { noticeOf } from '../../support/notice.ts'
import { startReceiver } from '../../support/receiver.ts'

describe('the CloudEvent of a notice', () => {
  it('says what happened', () => {
    expect(noticeEvent(noticeOf())).toMatchObject({
      specversion: '1.0',
      id: 'event-1',
      source: '/rapidrmf/environments/production',
      type: 'io.rapidrmf.run.worse',
      subject: 'runs/12',
      time: '2026-11-23T02:00:09Z',
      datacontenttype: 'application/json',
      data: {
        trigger: 'worse',
        triggers: ['worse', 'findings'],
        run: { run_id: 12, verdict: 'Findings', schedule: 'nightly', counts: { not_pass: 2 } },
        previous: { run_id: 11, verdict: 'Passed' },
      },
    })
    expect(noticeEvent(noticeOf({}, { trigger: 'always' })).type).toBe('io.rapidrmf.run.finished')
    expect(noticeEvent(noticeOf({ runId: null })).subject).toBe('runs/none')
  })

  it('has what CloudEvents 1.0 requires, whatever the names are', () => {
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a b', '../x', '?#', 'ü', '\uD800'))
    fc.assert(
      fc.property(name, (environment) => {
        const event = noticeEvent(noticeOf({ environment }))
        for (const attribute of ['id', 'source', 'specversion', 'type'] as const) {
          expect(event[attribute]).toMatch(/^[\x21-\x7e]+$/)
        }
        // A URI-reference (RFC 3986) without a character that has to be encoded.
        expect(event.source).toMatch(/^(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+$/)
        // Attribute names: lower-case letters and digits.
        for (const key of Object.keys(event)) expect(key).toMatch(/^[a-z0-9]+$/)
        expect(event.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
      }),
    )
  })
})

/** RFC 2104, from the hash alone. */
function hmacByHand(secret: string, text: string): string {
  const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
  const raw = Buffer.from(secret)
  const key = Buffer.concat([raw.length > 64 ? sha(raw) : raw, Buffer.alloc(64)]).subarray(0, 64)
  const pad = (byte: number): Buffer => Buffer.from(key.map((each) => each ^ byte))
  return sha(pad(0x5c), sha(pad(0x36), Buffer.from(text))).toString('hex')
}

describe('the signature', () => {
  it('is the HMAC over the time, a dot and the body', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100 }), fc.string(), fc.nat(), (secret, body, at) => {
        expect(signature(secret, at, body)).toBe(`t=${at},v1=${hmacByHand(secret, `${at}.${body}`)}`)
      }),
    )
  })

  it('comes with the request, over the very bytes that arrive', async () => {
    const receiver = await startReceiver()
    const webhook = { type: 'webhook', url: receiver.url, secret: 'a secret', headers: {} } as const
    const options = { timeout: 2_000, allowPrivateAddresses: true }
    await sendWebhook(noticeOf({ message: 'grüße ✓' }), webhook, options, 1_795_000_000_900)
    const [request] = receiver.requests
    expect(request?.headers[SIGNATURE_HEADER]).toBe(
      `t=1795000000,v1=${hmacByHand('a secret', `1795000000.${request?.body}`)}`,
    )
    expect(request?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
    expect(JSON.stringify(request)).not.toContain('a secret')
  })

  it('is left out without a secret', async () => {
    const receiver = await startReceiver()
    const webhook = { type: 'webhook', url: receiver.url, headers: { 'x-team': 'grc' } } as const
    await sendWebhook(noticeOf(), webhook, { timeout: 2_000, allowPrivateAddresses: true })
    expect(receiver.requests[0]?.headers).toMatchObject({ 'x-team': 'grc' })
    expect(receiver.requests[0]?.headers).not.toHaveProperty(SIGNATURE_HEADER)
  })
})
