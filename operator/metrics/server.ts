import { asError } from '../../common/as-error.ts'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pipeline } from 'node:stream/promises'

/** Returns what is wrong; undefined if nothing is. */
export type HealthCheck = () => string | undefined

export type ServerOptions = {
  readonly host?: string | undefined
  readonly port: number
  readonly health: Readonly<Record<string, HealthCheck>>
  readonly readiness: Readonly<Record<string, HealthCheck>>
  readonly metrics: { readonly contentType: string; scrape(): AsyncGenerator<string> }
}

export type StatusServer = {
  readonly port: number
  close(): Promise<void>
}

const LAG_WINDOW_MS = 10_000

/** The longest delay with which the operator still renews its Lease in time. */
const MAX_LAG_SECONDS = 10

/** Serves /healthz, /readyz and /metrics for the kubelet and Prometheus. */
export async function startServer(options: ServerOptions): Promise<StatusServer> {
  const lag = watchEventLoop()
  const loop: HealthCheck = () => {
    const median = lag.median()
    return median > MAX_LAG_SECONDS ? `busy: typically ${median.toFixed(1)} s late` : undefined
  }
  const health = { 'event loop': loop, ...options.health }
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/healthz') report(response, health)
    else if (path === '/readyz') report(response, options.readiness)
    else if (path === '/metrics') {
      await stream(response, options.metrics)
    } else send(response, 404, 'There is /healthz, /readyz and /metrics.\n')
  }
  const server = createServer((request: IncomingMessage, response) => {
    request.resume()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'Only GET.\n')
      return
    }
    answer((request.url ?? '/').replace(/\?.*$/, ''), response).catch((error: unknown) => {
      send(response, 500, `${asError(error).message}\n`)
    })
  })
  // A silent connection may not hold a socket for long.
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      lag.stop()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function report(response: ServerResponse, checks: Readonly<Record<string, HealthCheck>>): void {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: check() }))
  const lines = results.map(
    ({ name, problem }) =>
      `${problem === undefined ? 'ok' : 'NO'}  ${name}${problem === undefined ? '' : `: ${problem}`}`,
  )
  send(response, results.every(({ problem }) => problem === undefined) ? 200 : 503, `${lines.join('\n')}\n`)
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text)
}

/** Streams the metrics as fast as they are read, so that they are not in memory at once. */
async function stream(response: ServerResponse, metrics: ServerOptions['metrics']): Promise<void> {
  const pieces = metrics.scrape()
  // An error of the first piece can still be answered with 500.
  const first = await pieces.next()
  response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' })
  if (first.done !== true) response.write(first.value)
  await pipeline(pieces, response)
}

/** Measures the median delay of the event loop, in seconds, over the last full window. */
function watchEventLoop() {
  const histogram = monitorEventLoopDelay({ resolution: 20 })
  histogram.enable()
  let median = 0
  const timer = setInterval(() => {
    median = histogram.percentile(50) / 1e9
    histogram.reset()
  }, LAG_WINDOW_MS).unref()
  return {
    median: () => median,
    stop: () => {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
