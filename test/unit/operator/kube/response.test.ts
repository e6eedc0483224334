import { describe, expect, test } from 'vitest'
import { SilenceError, UnreachableError } from '../../../../operator/kube/errors.ts'
import type { KubeError } from '../../../../operator/kube/errors.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import { unreachable } from '../../../../operator/kube/response.ts'
import { raw, refuse, serve, startFakeApi } from '../fake-api.ts'
import type { Answer } from '../fake-api.ts'

const at = { namespace: 'ns', name: 'a' }

describe('the body of an answer', () => {
  const half: Answer = (response) =>
    response
      .writeHead(200, { 'content-length': 100 })
      .write('{"half":', () => response.socket?.resetAndDestroy())

  test.each([
    ['breaks off', half, /GET .*\/a: /],
    ['is not JSON', (response) => response.end('<html>'), /not JSON: <html>/],
  ] satisfies [string, Answer, RegExp][])(
    'an answer that %s is an error, and the next call works',
    async (_, answer, message) => {
      const api = await startFakeApi(answer, serve('x'))
      const client = api.client()
      const error: unknown = await client.get(RESOURCES.pods, at).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(UnreachableError)
      expect((error as Error).message).toMatch(message)
      expect(await client.get(RESOURCES.pods, at)).toBe('x')
    },
  )

  test('an answer that stops in its middle is given up after the timeout', async () => {
    const api = await startFakeApi(raw('{"half":'))
    const call = api.client().get(RESOURCES.pods, at, { timeout: 500 })
    await expect(call).rejects.toThrow(SilenceError)
    await expect(call).rejects.toThrow('no answer within 500 ms')
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
