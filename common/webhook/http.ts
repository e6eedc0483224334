import { request as requestPlain } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { parseRetryAfter } from '../retry-after.ts'
import { VERSION } from '../version.ts'
import { allowedAddresses, pinned } from './address.ts'
import type { Lookup } from './address.ts'
import { DeliveryError, withinTime } from './failure.ts'

export type Post = {
  /** http or https, without a login in it. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Timeout from the name lookup to the last byte of the response, in ms. */
  readonly timeout: number
  readonly allowPrivateAddresses: boolean
  readonly signal?: AbortSignal | undefined
  /** Replaced in tests. */
  readonly lookup?: Lookup | undefined
}

export type Answer = {
  readonly status: number
  /** The response body, truncated at `MAX_ANSWER` bytes. It is untrusted: never store or show it unchanged. */
  readonly text: string
  /** `Retry-After`, in ms. */
  readonly retryAfter: number | undefined
}

const SWITCHING_PROTOCOLS = 101

/** A longer response is not needed, and must not fill the memory. */
const MAX_ANSWER = 4_096

/**
 * Sends one POST over a new connection and returns the response, whatever its status. It follows no redirects, uses
 * no proxy and keeps no cookies. Rejects with a DeliveryError that names only the host of the URL.
 */
export async function post(options: Post): Promise<Answer> {
  const url = new URL(options.url)
  // Brackets belong to the URL, not to the IPv6 address in it.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return withinTime(host, options.timeout, options.signal, async (signal) => {
    const addresses = await allowedAddresses(host, options.allowPrivateAddresses, options.lookup)
    signal.throwIfAborted()
    const send = url.protocol === 'https:' ? requestTls : requestPlain
    const request = send(url, {
      method: 'POST',
      agent: false,
      lookup: pinned(addresses),
      signal,
      headers: {
        ...options.headers,
        'user-agent': `rapidrmf/${VERSION}`,
        'content-length': Buffer.byteLength(options.body),
      },
    })
    return answerTo(request, options.body)
  })
}

/** Reads the response, whatever its status; rejects if it breaks off. */
async function answerTo(request: ClientRequest, body: string): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request
      // The listener stays: a sink may respond and close while the request is still being sent.
      .on('error', reject)
      .once('response', resolve)
      // 101 with an Upgrade header: without a listener Node drops both the answer and the connection, silently.
      .once('upgrade', (answer, socket) => {
        socket.destroy()
        resolve(answer)
      })
      .end(body)
  })
  const text = response.statusCode === SWITCHING_PROTOCOLS ? '' : await readStart(response)
  // Closes the connection of a response that is too long.
  request.destroy()
  return {
    status: response.statusCode ?? 0,
    text,
    retryAfter: parseRetryAfter(response.headers['retry-after'], new Date()),
  }
}

async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= MAX_ANSWER) break
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER).toString('utf8')
}

/** Throws unless the status is 2xx. `said`: a text of the sink that is known to be harmless. */
export function requireTaken(url: string, { status, retryAfter }: Answer, said?: string): void {
  if (status >= 200 && status < 300) return
  const { hostname } = new URL(url)
  const redirect = 'with a redirect, and none is followed: configure the URL that it leads to'
  const what =
    status >= 300 && status < 400 ? `${status}, ${redirect}` : `${status}${said ? ` (${said})` : ''}`
  throw new DeliveryError(`${hostname}: answered ${what}`, { retryAfter })
}
