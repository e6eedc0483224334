// Stands between a client and the API server, ends TLS with a certificate of the test authority, and does to requests,
// answers and watches what a test says. (To cut or freeze whole connections, test/support/proxy.ts is enough: it passes TLS through.)
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
  /** The API server never hears of it. */
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: object | string
    }
  /** Before the API server hears of it: the connection ends, or no answer ever. */
  | 'drop'
  | 'hang'
  /** The API server does it, and the client never learns. */
  | 'dropAfter'
  | 'hangAfter'

/** Decides on one event of a watch: the line to pass on instead, undefined for none. Waiting holds back all that follow. */
export type LineFilter = (
  line: string,
  request: ProxiedRequest,
) => string | undefined | Promise<string | undefined>

/** The events of one watch, in and out: what passes, and when. */
export type EventFilter = (lines: AsyncIterable<string>, request: ProxiedRequest) => AsyncIterable<string>

export type TlsProxy = {
  /** The cluster, by way of the proxy. Users by client certificate cannot pass: use tokens. */
  readonly access: ClusterAccess
  /** All that has come in since the start or `forget`. */
  readonly requests: ProxiedRequest[]
  forget(): void
  /** Looked at for each request; undefined passes it on. Waiting holds it back, whatever its sender does meanwhile. */
  fault: ((request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>) | undefined
  line: LineFilter | undefined
  /** Asked once for each watch; `line` sees what it lets through. */
  events: EventFilter | undefined
  /** Ends the connections on which watches run, in the middle of the answer. */
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
    // Its length is no longer that of what the server sent.
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
