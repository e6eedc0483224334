import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createFolder, runArgv } from '../../../support/run-command.ts'

const folder = createFolder()
folder.write('systems.yaml', 'systems: [{ name: a, environment: production }]\n')

/** Nobody listens there. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test.each([
  ['db status'],
  ['db prune --older-than 1y'],
  ['catalog list'],
  ['inventory apply systems.yaml'],
  ['runs list'],
  ['results'],
])('%s waits as long as RAPIDRMF_OUTAGE says, and says why once', async (line) => {
  const port = await closedPort()
  const env = { DATABASE_URL: `postgresql://me@127.0.0.1:${port}/x`, RAPIDRMF_OUTAGE: '0.5' }
  const started = performance.now()
  const { code, err } = await runArgv(line.split(' '), { cwd: folder.path, env })
  expect(code).toBe(1)
  expect(err.trimEnd().split('\n')).toEqual([
    `retrying: connect ECONNREFUSED 127.0.0.1:${port} (for up to 0.5 s)`,
    `rapidrmf: database me@127.0.0.1:${port}/x cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}`,
  ])
  expect(performance.now() - started).toBeLessThan(5_000)
})

test('a duration that is none is refused', async () => {
  const env = { DATABASE_URL: 'postgresql://me@127.0.0.1:1/x', RAPIDRMF_OUTAGE: 'long' }
  expect(await runArgv(['db', 'status'], { cwd: folder.path, env })).toMatchObject({
    code: 2,
    err: 'rapidrmf: RAPIDRMF_OUTAGE: expected a number of seconds or a text like 90s, 5m, 1h or 7d, from 0 to 86400 seconds, found "long"\n',
  })
})
