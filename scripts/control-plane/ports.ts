import { createServer } from 'node:net'
import { randomInt } from 'node:crypto'

/**
 * The bounds of the range of ports. It is below the range of outgoing connections (32768 and up on Linux): while an API server is down,
 * a client that calls it could otherwise get its port.
 */
const FIRST = 20_000
const LAST = 32_000

export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > 1_000) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`)
    const port = randomInt(FIRST, LAST)
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
