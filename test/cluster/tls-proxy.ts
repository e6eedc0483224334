// A proxy between a client and the API server. It terminates TLS with a certificate of the test authority, and injects
// faults into requests, responses and watches. (test/support/proxy.ts passes TLS through, and can cut whole connections.)
import { Agent, createServer, request as forward } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { afterAll } from 'vitest'
import type { ClusterAccess } from '../../scripts/control-plane/access.ts'
import { issueCertificate } from '../../scripts/control-plane/certificates.ts'

export type ProxiedRequest = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly isWatch: boolean
}

export type Fault =
  /** The API server does not receive the request. */
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: object | string
    }
  /** The API server does not receive the request: the connection ends, or there is no response. */
  | 'drop'
  | 'hang'
  /** The API server handles the request, and the response is lost. */
  | 'dropAfter'
  | 'hangAfter'

/** Returns the line that replaces an event of a watch, or undefined to drop it. A pending promise delays all later events. */
export type LineFilter = (
  line: string,
  request: ProxiedRequest,
) => string | undefined | Promise<string | undefined>

/** Filters and delays the events of one watch. */
export type EventFilter = (lines: AsyncIterable<string>, request: ProxiedRequest) => AsyncIterable<string>

export type TlsProxy = {
  /** The cluster through the proxy. Client certificates do not work: use tokens. */
  readonly access: ClusterAccess
  /** The requests since the start or the last `forget`. */
  readonly requests: ProxiedRequest[]
  forget(): void
  /** Called for each request; undefined passes it on. A pending promise delays it, even if its sender gives up. */
  fault: ((request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>) | undefined
  line: LineFilter | undefined
  /** Called once for each watch; returns its filter. */
  events: EventFilter | undefined
  /** Resets the connections of all watches in the middle of the response. */
  breakWatches(): void
}

export async function startTlsProxy(cluster: ClusterAccess): Promise<TlsProxy> {
  const { certificate, key } = issueCertificate(cluster.authority, {
    commonName: 'proxy',
    hosts: ['127.0.0.1', 'localhost'],
  })
  const agent = new Agent({ keepAlive: true, ca: cluster.authority.certificate })
  const watches = new Set<ServerResponse>()
  const requests: ProxiedRequest[] = []
  const proxy: Pick<TlsProxy, 'fault' | 'line' | 'events'> = {
    fault: undefined,
    line: undefined,
    events: undefined,
  }

  const pass = async (incoming: IncomingMessage, response: ServerResponse, seen: ProxiedRequest) => {
    const upstream = await send(cluster.server, agent, incoming, seen)
    response.on('close', () => upstream.destroy())
    upstream.on('error', () => response.socket?.destroy())
    if (!seen.isWatch || upstream.statusCode !== 200) {
      response.writeHead(upstream.statusCode ?? 502, upstream.headers)
      upstream.pipe(response)
      return
    }
    watches.add(response)
    response.on('close', () => watches.delete(response))
    // The header would state the length of the original body.
    response.writeHead(200, { 'content-type': upstream.headers['content-type'] ?? 'application/json' })
    response.flushHeaders()
    const lines = createInterface({ input: upstream })
    for await (const line of proxy.events?.(lines, seen) ?? lines) {
      const filtered = proxy.line === undefined ? line : await proxy.line(line, seen)
      if (filtered !== undefined) response.write(`${filtered}\n`)
    }
    response.end()
  }

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seen = await read(incoming)
    requests.push(seen)
    const fault = await proxy.fault?.(seen)
    if (fault === undefined) return pass(incoming, response, seen)
    if (fault === 'dropAfter' || fault === 'hangAfter') {
      const answer = await send(cluster.server, agent, incoming, seen)
      for await (const _ of answer);
    }
    if (fault === 'hang' || fault === 'hangAfter') return
    if (typeof fault === 'string') {
      response.socket?.destroy()
      return
    }
    const { status, headers, body = { kind: 'Status', apiVersion: 'v1', code: status } } = fault
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  const server = createServer({ cert: certificate, key }, (incoming, response) => {
    serve(incoming, response).catch(() => response.socket?.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    agent.destroy()
    await closed
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(proxy, {
    access: { ...cluster, server: `https://127.0.0.1:${port}` },
    requests,
    forget: () => void requests.splice(0),
    breakWatches: () => {
      for (const response of watches) response.socket?.destroy()
    },
  })
}

async function read(incoming: IncomingMessage): Promise<ProxiedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://proxy')
  return {
    method: incoming.method ?? 'GET',
    path: pathname,
    query: searchParams,
    body: Buffer.concat(chunks).toString(),
    isWatch: ['true', '1'].includes(searchParams.get('watch') ?? ''),
  }
}

function send(
  server: string,
  agent: Agent,
  { url, headers }: IncomingMessage,
  { method, body }: ProxiedRequest,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method, agent, headers: { ...headers, host: new URL(server).host } }
    forward(`${server}${url}`, options, resolve).on('error', reject).end(body)
  })
}
