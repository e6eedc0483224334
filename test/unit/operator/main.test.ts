import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, it } from 'vitest'
import { freePort } from '../../../scripts/local-postgres.ts'
import { createFolder } from '../../support/run-command.ts'

const MAIN = join(import.meta.dirname, '../../../operator/main.ts')
const folder = createFolder()

/** An API server that is out of order, so that the operator has a lot to log. */
const requests = { count: 0, arrived: () => {} }
const server = createServer((_request, response) => {
  requests.count += 1
  requests.arrived()
  response.writeHead(503).end()
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
folder.write(
  'kubeconfig',
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    // The client library refuses http:// otherwise.
    clusters: [{ name: 'test', cluster: { server: address, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: {} }],
  }),
)

it.each(['closed', 'full'])('the operator goes on with %s output, until it is stopped', async (output) => {
  const port = await freePort()
  const full = openSync('/dev/full', 'w')
  const args = ['--image', 'example/job:1', '--kubeconfig', 'kubeconfig', '--log-level', 'debug']
  const child = spawn(process.execPath, [MAIN, ...args, '--host', '127.0.0.1', '--port', String(port)], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', output === 'full' ? full : 'pipe', output === 'full' ? full : 'pipe'],
  })
  child.stdout?.destroy()
  child.stderr?.destroy()
  const ended = once(child, 'exit')
  try {
    // Five reads at the start; each failure is logged before it is tried again.
    const from = requests.count
    await Promise.race([
      ended,
      new Promise<void>((resolve) => {
        requests.arrived = () => {
          if (requests.count - from > 5) resolve()
        }
      }),
    ])
    expect(child.exitCode).toBe(null)
    const response = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(await response.text()).toContain('ok  event loop')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})

it('its help fails on a full disk', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'ignore'],
  })
  expect((await once(child, 'exit'))[0]).toBe(1)
})

it('ends well on a SIGTERM that comes before it is loaded', async () => {
  // The preload sends the signal as soon as the operator listens for it.
  const preload = `const { on } = process
    process.on = function (event, listener) {
      if (event === 'SIGTERM') setImmediate(() => process.kill(process.pid, 'SIGTERM'))
      return on.call(process, event, listener)
    }`
  const args = [
    '--image',
    'example/job:1',
    '--kubeconfig',
    'kubeconfig',
    '--host',
    '127.0.0.1',
    '--port',
    '0',
  ]
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, MAIN, ...args],
    { cwd: folder.path, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const log = text(child.stdout)
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(await log).not.toContain('caches synced')
})
