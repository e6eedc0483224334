import { describe, expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../../../operator/metrics/server.ts'
import type { ServerOptions } from '../../../../operator/metrics/server.ts'

const metrics = (...pieces: readonly (string | Error)[]): ServerOptions['metrics'] => ({
  contentType: 'text/plain; version=0.0.4',
  async *scrape() {
    for (const piece of pieces) {
      if (typeof piece !== 'string') throw piece
      yield piece
    }
  },
})

async function serve(options: Partial<ServerOptions> = {}) {
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    health: {},
    readiness: {},
    metrics: metrics('up', ' 1\n'),
    ...options,
  })
  onTestFinished(() => server.close())
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type'),
    }
  }
}

describe('the status server', () => {
  test('healthy and ready', async () => {
    const ask = await serve({ readiness: { caches: () => undefined } })
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'ok  event loop\n' })
    expect(await ask('/readyz?verbose')).toMatchObject({ status: 200, text: 'ok  caches\n' })
  })

  test('not: 503, with the reasons', async () => {
    const ask = await serve({
      readiness: { jobs: () => 'no list yet', pods: () => undefined },
      health: { watches: () => 'stuck' },
    })
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: 'NO  jobs: no list yet\nok  pods\n' })
    expect((await ask('/healthz')).text).toContain('NO  watches: stuck')
  })

  test('metrics, and their failure', async () => {
    const ask = await serve()
    expect(await ask('/metrics')).toEqual({ status: 200, text: 'up 1\n', type: 'text/plain; version=0.0.4' })
    const broken = await serve({ metrics: metrics(new Error('a bug')) })
    expect(await broken('/metrics')).toMatchObject({ status: 500, text: 'a bug\n' })
    const cut = await serve({ metrics: metrics('up 1\n', new Error('a bug')) })
    await expect(cut('/metrics')).rejects.toThrow(/terminated|fetch failed/)
  })

  test('anything else', async () => {
    const ask = await serve()
    expect((await ask('/')).status).toBe(404)
    expect((await ask('/metrics', 'POST')).status).toBe(405)
  })

  test('a port that is taken', async () => {
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      health: {},
      readiness: {},
      metrics: metrics(),
    })
    onTestFinished(() => server.close())
    await expect(serve({ port: server.port })).rejects.toThrow(/EADDRINUSE/)
  })
})
