import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

export type Received = {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Responds to a request that has been read. */
export type Behaviour = (response: ServerResponse, request: IncomingMessage) => void

export const OK: Behaviour = (response) => void response.end('ok')
export const HANG: Behaviour = () => {}
export const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) =>
    void response.writeHead(code, headers).end(body)

export type Receiver = {
  readonly port: number
  readonly url: string
  readonly requests: Received[]
  behave: Behaviour
  connections(): number
}

/** Starts an HTTP server for webhooks on `host`, closed at the end of the test file. */
export async function startReceiver(
  behave: Behaviour = OK,
  tls?: { readonly key: string; readonly cert: string },
  host = '127.0.0.1',
): Promise<Receiver> {
  let connections = 0
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      receiver.requests.push({
        path: request.url ?? '',
        headers: request.headers,
        body,
      })
      receiver.behave(response, request)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const url = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`
  const receiver: Receiver = { port, url, requests: [], behave, connections: () => connections }
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return receiver
}
