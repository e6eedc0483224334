import { describe, expect, it } from 'vitest'
import { DeliveryError, unreachable, withinTime } from '../../../../common/webhook/failure.ts'

const withCode = (code: string): Error => Object.assign(new Error('quoted: secret'), { code })

describe('the error of a sink that was not reached', () => {
  const UNTRUSTED = 'its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority'
  it.each([
    ['ECONNREFUSED', 'refused the connection'],
    ['ECONNRESET', 'closed the connection before its answer was whole'],
    ['EPIPE', 'closed the connection before its answer was whole'],
    ['ENOTFOUND', 'there is no such name in DNS'],
    ['EAI_AGAIN', 'its name cannot be looked up now: DNS does not answer'],
    ['ETIMEDOUT', 'cannot be reached: the connection timed out'],
    ['EHOSTUNREACH', 'cannot be reached: there is no route to it'],
    ['ENETUNREACH', 'cannot be reached: there is no route to it'],
    ['CERT_HAS_EXPIRED', 'its certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
    ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
    ['HPE_INVALID_CONSTANT', 'failed (HPE_INVALID_CONSTANT)'],
  ])('explains %s, and quotes nothing', (code, text) => {
    const cause = withCode(code)
    const error = unreachable('hooks.example', cause)
    expect(error).toBeInstanceOf(DeliveryError)
    expect(error.message).toBe(`hooks.example: ${text}`)
    expect(error.cause).toBe(cause)
  })

  it('names each cause of several addresses once', () => {
    const all = new AggregateError(['ECONNREFUSED', 'ECONNREFUSED', 'ENETUNREACH'].map(withCode))
    expect(unreachable('hooks.example', all).message).toBe(
      'hooks.example: refused the connection; cannot be reached: there is no route to it',
    )
  })

  it.each([
    ['a code with other characters', withCode('no code: secret'), 'failed (Error)'],
    ['a long code', withCode('X'.repeat(61)), 'failed (Error)'],
    ['no code', new TypeError('secret'), 'failed (TypeError)'],
    ['no error at all', 'secret', 'failed (Error)'],
  ])('has the name of an error with %s', (_, thrown, text) => {
    expect(unreachable('h', thrown).message).toBe(`h: ${text}`)
  })

  it('is left as it is where it is one already', () => {
    const error = new DeliveryError('h: answered 503', { retryAfter: 17_000 })
    expect(unreachable('other', error)).toBe(error)
    expect(error.retryAfter).toBe(17_000)
  })
})

describe('within a time', () => {
  it('a result is passed on', async () => {
    expect(await withinTime('h', 60_000, undefined, async () => 'done')).toBe('done')
  })

  it('work that fails is explained', async () => {
    const work = () => Promise.reject(withCode('ECONNREFUSED'))
    await expect(withinTime('h', 60_000, undefined, work)).rejects.toThrow('h: refused the connection')
  })

  it('work that does not end is aborted', async () => {
    let aborted = false
    const work = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise<never>(() => {})
    }
    await expect(withinTime('h', 20, undefined, work)).rejects.toThrow('h: did not answer within 0.02 s')
    expect(aborted).toBe(true)
  })

  it.each(['before it begins', 'while it works'])('an abort %s ends it', async (when) => {
    const stop = new AbortController()
    if (when === 'before it begins') stop.abort()
    const work = () => {
      stop.abort()
      return new Promise<never>(() => {})
    }
    await expect(withinTime('h', 60_000, stop.signal, work)).rejects.toThrow(
      'h: was not waited for any longer',
    )
  })
})
