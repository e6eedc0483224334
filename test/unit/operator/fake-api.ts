import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { KubeClient } from '../../../operator/kube/client.ts'
import type { ClientOptions } from '../../../operator/kube/client.ts'
import { PooledConfig } from '../../../operator/kube/connection.ts'
import type { KubeObject } from '../../../operator/kube/object.ts'

export type Call = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly at: number
}

export type Answer = (response: ServerResponse, call: Call) => void

/**
 * Not a Kubernetes: an HTTP server that gives the answers it was told to give, one per call, the last one again and again.
 * For faults that no real API server commits on demand; all else is tested on a real one.
 */
export type FakeApi = {
  readonly calls: Call[]
  /** Connections accepted so far. */
  connections(): number
  client(options?: ClientOptions): KubeClient
  config(): PooledConfig
  /** From the next call on. */
  script(...answers: Answer[]): void
  /** Ends all connections by a reset. */
  reset(): void
}

export async function startFakeApi(...script: Answer[]): Promise<FakeApi> {
  const calls: Call[] = []
  const sockets = new Set<Socket>()
  let accepted = 0
  let answers = script
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://fake')
      const call = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        at: performance.now(),
      }
      calls.push(call)
      const [answer = refuse(500), ...rest] = answers
      if (rest.length > 0) answers = rest
      answer(response, call)
    })
  })
  server.on('connection', (socket) => {
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const configs: PooledConfig[] = []
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  onTestFinished(async () => {
    await Promise.all(configs.map((config) => config.destroy()))
    reset()
    await new Promise((resolve) => server.close(resolve))
  })
  const config = (): PooledConfig => {
    const config = new PooledConfig()
    config.loadFromClusterAndUser(
      { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'fake', token: 'secret' },
    )
    configs.push(config)
    return config
  }
  return {
    calls,
    connections: () => accepted,
    config,
    client: (options) => new KubeClient(config(), options),
    script: (...next) => (answers = next),
    reset,
  }
}

export function serve(body: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

export function refuse(
  code: number,
  reason = '',
  { headers = {}, details = {} }: { headers?: Record<string, string>; details?: object } = {},
): Answer {
  return (response) => {
    const body = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code,
      reason,
      message: `no: ${code}`,
      details,
    }
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
}

/** Sends these events, then: leaves the watch open, ends it, breaks the connection, or sends a half event and falls silent. */
export function stream(events: readonly object[], then: 'open' | 'end' | 'reset' | 'half' = 'open'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    for (const event of events) response.write(`${JSON.stringify(event)}\n`)
    if (then === 'end') response.end()
    if (then === 'half') response.write('{"type":"MOD')
    // In a later turn: what was written must have left.
    if (then === 'reset') setTimeout(() => response.socket?.resetAndDestroy(), 20)
  }
}

export function raw(text: string): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(text)
  }
}

export const silence: Answer = () => undefined

export function pod(
  name: string,
  version: number,
  changes: Partial<KubeObject['metadata']> = {},
): KubeObject {
  const metadata = { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: String(version), ...changes }
  return { apiVersion: 'v1', kind: 'Pod', metadata }
}

export const added = (object: KubeObject) => ({ type: 'ADDED', object })
export const modified = (object: KubeObject) => ({ type: 'MODIFIED', object })
export const deleted = (object: KubeObject) => ({ type: 'DELETED', object })
export const bookmark = (version: number) => ({
  type: 'BOOKMARK',
  object: { kind: 'Pod', metadata: { resourceVersion: String(version) } },
})

/** A streaming list: all objects, and the bookmark that closes it. */
export const initial = (version: number, ...objects: KubeObject[]) => [
  ...objects.map(added),
  {
    type: 'BOOKMARK',
    object: {
      kind: 'Pod',
      metadata: {
        resourceVersion: String(version),
        annotations: { 'k8s.io/initial-events-end': 'true' },
      },
    },
  },
]

export const page = (version: number, items: readonly KubeObject[], next?: string): Answer =>
  serve({
    kind: 'PodList',
    metadata: { resourceVersion: String(version), ...(next === undefined ? {} : { continue: next }) },
    items,
  })
