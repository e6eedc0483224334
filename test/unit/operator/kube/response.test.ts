import { describe, expect, test } from 'vitest'
import { SilenceError, UnreachableError } from '../../../../operator/kube/errors.ts'
import type { KubeError } from '../../../../operator/kube/errors.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import { unreachable } from '../../../../operator/kube/response.ts'
import { raw, refuse, serve, startFakeApi } from '../fake-api.ts'

const at = { namespace: 'ns', name: 'a' }

describe('the body of an answer', () => {
  test('an answer that stops in its middle, or is not JSON, is no answer', async () => {
    const api = await startFakeApi(raw('{"half":'), serve('x'), (response) => response.end('<html>'))
    const client = api.client()
    await expect(client.get(RESOURCES.pods, at, { timeout: 50 })).rejects.toThrow(UnreachableError)
    await client.get(RESOURCES.pods, at)
    await expect(client.get(RESOURCES.pods, at)).rejects.toThrow(/not JSON: <html>/)
  })

  test('a page of a proxy is quoted, not reproduced', async () => {
    const api = await startFakeApi((response) =>
      response.writeHead(502).end(`<html>\n${'x'.repeat(100_000)}</html>`),
    )
    const error: unknown = await api
      .client()
      .get(RESOURCES.pods, at)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ status: 502, reason: '' })
    expect(String(error).length).toBeLessThan(500)
  })
})

describe('the delay that an answer asks for', () => {
  const retryAfter = async (header: string): Promise<number | undefined> => {
    const api = await startFakeApi(refuse(429, 'TooManyRequests', { headers: { 'retry-after': header } }))
    const error: unknown = await api
      .client()
      .get(RESOURCES.pods, at)
      .catch((error: unknown) => error)
    return (error as KubeError).retryAfter
  }

  test.each([
    ['17', 17_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
  ])('Retry-After: %s', async (header, expected) => {
    expect(await retryAfter(header)).toBe(expected)
  })

  test('Retry-After: a time in a minute', async () => {
    const wait = await retryAfter(new Date(Date.now() + 60_000).toUTCString())
    expect(Math.abs((wait ?? Number.NaN) - 60_000)).toBeLessThan(5_000)
  })
})

describe('a call without an answer', () => {
  test.each([
    [Object.assign(new Error('late'), { code: 'UND_ERR_HEADERS_TIMEOUT' }), SilenceError],
    [Object.assign(new Error('late'), { code: 'UND_ERR_BODY_TIMEOUT' }), SilenceError],
    [new SilenceError('late'), SilenceError],
    [Object.assign(new Error('late'), { code: 'ECONNRESET' }), UnreachableError],
    ['late', UnreachableError],
    [null, UnreachableError],
  ])('because of %s', (cause, kind) => {
    const error = unreachable('GET', '/api', cause)
    expect(error.constructor).toBe(kind)
    expect([error.message, error.cause]).toEqual([`GET /api: ${cause === null ? 'null' : 'late'}`, cause])
  })
})
